// Rooms and their members: who is brought in, who is put out, what is unread.

import { expect, test } from '../fixtures';

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
