// Rooms and their members: who is brought in, who is put out, what is unread.

import { expect, test } from '../fixtures';
import { Plaza } from '../plaza';
import { Person } from '../person';

test('a group: bring somebody in, talk, put them out', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  const ben = await person();
  await ben.register('Ben');

  await ana.createGroup('Dinner');
  await ana.addMember('Ben');
  await expect(ben.room('Dinner')).toBeVisible();
  await ben.room('Dinner').click();
  await ana.write('Shall we?');
  await ben.sees('Shall we?');
  await ben.write('With pleasure');
  await ana.sees('With pleasure');

  // A window that changes its size places a menu that is open, and minds none that was closed.
  await ana.menuOf('Ben');
  await ana.page.keyboard.press('Escape');
  await ana.page.setViewportSize({ width: 1000, height: 700 });

  await ana.does('Remove from the room', 'Ben', 'Remove');
  await expect(ana.timeline).toContainText('You removed Ben');
  await expect(ben.page.getByText('Ana removed you from Dinner.')).toBeVisible();
  await expect(ben.room('Dinner')).toHaveCount(0);
  await expect(ben.page.getByRole('log')).toHaveCount(0);

  await ana.page.getByLabel('Add somebody by name').fill('Nobody-by-that-name');
  await ana.page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(ana.page.getByRole('alert')).toBeVisible();
});

test('leaving is asked about, done, and seen by the others', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  await ben.openMembers();
  await ben.page.getByRole('button', { name: 'Leave room' }).click();
  await ben.confirms('Leave');
  await expect(ben.page.getByText('You left general.')).toBeVisible();
  await expect(ben.room('general')).toHaveCount(0);
  await ana.sees('Ben left');
});

test('unread counts, the line above what is new, and reading on another device', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.joinPublic('elsewhere');
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');

  const desk = await person();
  await desk.page.getByLabel('Name').fill('Ana');
  await desk.page.getByLabel('Password').fill('correct horse battery');
  await desk.page.getByRole('button', { name: 'Sign in' }).click();
  await desk.signedIn('Ana');

  await ben.write('one');
  await ben.write('two');
  for (const device of [ana, desk]) {
    await expect(device.room('general')).toContainText('2 unread messages');
    await expect(device.room('general')).toContainText('Ben: two');
  }
  await ana.room('general').click();
  const rows = ana.timeline.locator('ol > li');
  await expect(ana.timeline.locator('[data-unread]')).toBeVisible();
  const texts = await rows.allInnerTexts();
  const line = texts.findIndex((text) => text.trim() === 'New');
  expect(texts[line + 1]).toContain('one');
  for (const device of [ana, desk]) await expect(device.room('general')).not.toContainText('unread');
});

test('an address of a room that is not ours offers to join it', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.page.goto('/room/market');
  await ana.page.getByRole('button', { name: 'Join market' }).click();
  await expect(ana.composer).toBeVisible();
  await ana.page.goto('/room/g_nosuchgroup');
  await expect(ana.page.getByText('There is no such room')).toBeVisible();
});

test('of many rooms those where something happened last come first, also after a reload', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('zoo');
  await ana.joinPublic('stall-55');
  const link = await plaza.connect('Ana');
  for (let i = 10; i < 55; i += 1) {
    expect(await link.emitWithAck('room:join', { roomId: `stall-${i}` })).toMatchObject({ ok: true });
  }
  link.close();
  const ben = await person();
  await ben.beGuest('Ben');
  for (const room of ['stall-53', 'zoo']) {
    await ben.joinPublic(room);
    await ben.write(`News of ${room}`);
    await expect(ben.unsettled).toHaveCount(0);
  }

  // Nothing is put anywhere else once the list is there.
  const names = ana.page.getByRole('navigation', { name: 'Rooms' }).locator('a bdi');
  await ana.page.addInitScript(() => {
    const heads: string[] = [];
    Object.assign(globalThis, { heads });
    new MutationObserver(() => {
      const head = document.querySelector('nav a bdi')?.textContent ?? '';
      if (head !== '' && head !== heads.at(-1)) heads.push(head);
    }).observe(document, { subtree: true, childList: true });
  });
  await ana.page.goto('/');
  await expect(names).toHaveText(['zoo', 'stall-53', 'stall-54', ...Array<RegExp>(44).fill(/stall/)]);
  await expect(ana.room('zoo')).toContainText('1 unread message');
  await expect(ana.room('stall-53')).toContainText('Ben: News of stall-53');
  // What happened last in a room far down the list is there when one looks at it.
  await ana.room('stall-10').scrollIntoViewIfNeeded();
  await expect(ana.room('stall-10')).toContainText('You made this room');
  expect(await ana.page.evaluate(() => (globalThis as unknown as { heads: string[] }).heads)).toEqual([
    'zoo',
  ]);
});

test('where owners manage the members of groups, others are not offered to', async ({ browser }) => {
  const plaza = await Plaza.start({ PLAZA_CHAT__MEMBERS_MANAGED_BY: 'owners' });
  const people: Person[] = [];
  try {
    for (const name of ['Ana', 'Ben', 'Mia']) {
      const one = await Person.at(browser, plaza.url);
      people.push(one);
      await one.register(name);
    }
    const [ana, ben] = people as [Person, Person];
    await ana.createGroup('Dinner');
    await ana.addMember('Ben');
    await ana.addMember('Mia');
    await ben.room('Dinner').click();
    const menu = await ben.menuOf('Mia');
    await expect(menu.getByRole('menuitem')).toHaveText(['Message', 'Block']);
    await expect(ben.page.getByLabel('Add somebody by name')).toHaveCount(0);
    await ana.does('Make moderator', 'Ben');
    await ben.page.keyboard.press('Escape');
    await expect(ben.page.getByLabel('Add somebody by name')).toBeVisible();
    const more = await ben.menuOf('Mia');
    await expect(more.getByRole('menuitem', { name: 'Remove from the room' })).toBeVisible();
  } finally {
    for (const one of people) await one.page.context().close();
    await plaza.stop();
  }
});
