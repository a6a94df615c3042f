// A long timeline: older pages come without a jump, and one who reads above is left there.

import { expect, test } from '../fixtures';
import type { Plaza } from '../plaza';

/** Writes `number 1.` to `number COUNT.` as this person, in order. */
async function seed(plaza: Plaza, name: string, count: number): Promise<void> {
  const socket = await plaza.connect(name);
  const say = (i: number) =>
    socket.timeout(30_000).emitWithAck('message:send', {
      roomId: 'general',
      clientId: `n-${i}`,
      kind: 'text',
      body: { text: `number ${i}.` },
    });
  for (let from = 1; from <= count; from += 100) {
    const some = Array.from({ length: Math.min(100, count - from + 1) }, (_, i) => say(from + i));
    expect((await Promise.all(some)).every(({ ok }) => ok)).toBe(true);
  }
  socket.close();
}

test('older messages come without moving what is read; new ones are announced', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await seed(plaza, 'Ana', 180);
  await ana.page.reload();
  await ana.sees('number 180.');
  const top = (text: string) => ana.message(text).evaluate((row) => row.getBoundingClientRect().top);
  const bottomGap = () => ana.timeline.evaluate((el) => el.scrollHeight - el.scrollTop - el.clientHeight);
  expect(await bottomGap()).toBeLessThan(2);

  const count = async () => (await ana.lines()).length;
  const held = await count();
  expect(held).toBeLessThan(180);
  await ana.timeline.evaluate((el) => (el.scrollTop = 150));
  const first = (await ana.lines())[3]?.text ?? '';
  const before = await top(first);
  await expect.poll(count).toBeGreaterThan(held);
  expect(Math.abs((await top(first)) - before)).toBeLessThan(2);

  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  const where = await top(first);
  await ben.write('down here');
  await ben.write('and here');
  const hint = ana.page.getByRole('button', { name: '2 new messages' });
  await expect(hint).toBeVisible();
  expect(Math.abs((await top(first)) - where)).toBeLessThan(2);
  await hint.click();
  await expect(ana.message('and here')).toBeInViewport();
  await ben.write('you followed');
  await expect(ana.message('you followed')).toBeInViewport();

  await ana.scrollToBeginning();
  expect((await ana.lines())[0]?.text).toBe('number 1.');
  expect(await count()).toBe(183);
});

test('a window that becomes narrower, and a panel beside the room, leave in place what is read', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const socket = await plaza.connect('Ana');
  for (let i = 1; i <= 60; i += 1) {
    const body = { text: `number ${i}. ${'The quick brown fox jumps over the lazy dog. '.repeat(i % 7)}` };
    await socket.emitWithAck('message:send', { roomId: 'general', clientId: `w-${i}`, kind: 'text', body });
  }
  socket.close();
  await ana.sees('number 60.');
  await ana.timeline.evaluate((el) => (el.scrollTop = el.scrollHeight / 2));
  /** The first row of which the end is in view, and where that is. */
  const read = () =>
    ana.timeline.evaluate((el) => {
      const { top } = el.getBoundingClientRect();
      const rows = [...el.querySelectorAll('li[data-seq]')];
      const row = rows.find((one) => one.getBoundingClientRect().bottom > top);
      return {
        seq: row?.getAttribute('data-seq'),
        bottom: Math.round(row?.getBoundingClientRect().bottom ?? 0),
      };
    });
  const before = await read();
  const close = async () => {
    const { seq, bottom } = await read();
    return seq === before.seq && Math.abs(bottom - before.bottom) <= 2;
  };
  await ana.openMembers();
  await expect.poll(close).toBe(true);
  await ana.page.keyboard.press('Escape');
  await expect.poll(close).toBe(true);
  await ana.page.setViewportSize({ width: 360, height: 740 });
  await expect.poll(close).toBe(true);
  await ana.page.setViewportSize({ width: 1280, height: 800 });
  await expect.poll(close).toBe(true);
});

test('history is paged both ways by addresses of its own', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await seed(plaza, 'Ana', 230);
  await ana.page.goto('/history/general');
  const seqs = async () => (await ana.page.locator('tr[data-seq] td.seq').allInnerTexts()).map(Number);
  await expect.poll(async () => (await seqs()).at(-1)).toBe(231);
  expect((await seqs())[0]).toBe(132);
  await ana.page.getByRole('link', { name: 'Older' }).first().click();
  await expect.poll(async () => (await seqs()).at(-1)).toBe(131);
  await expect(ana.page).toHaveURL(/before=132/);
  await ana.page.reload();
  await expect.poll(async () => (await seqs())[0]).toBe(32);
  await ana.page.getByRole('link', { name: 'Older' }).first().click();
  await expect.poll(async () => (await seqs())[0]).toBe(1);
  await expect(ana.page.getByRole('link', { name: 'Older' })).toHaveCount(0);
  await ana.page.getByRole('link', { name: 'Newer' }).first().click();
  await expect.poll(async () => (await seqs())[0]).toBe(32);

  const stranger = await person();
  await stranger.beGuest('Stranger');
  await stranger.page.goto('/history/general');
  await expect(stranger.page.getByRole('alert')).toContainText('no such room');
});

test('of a long room only what is around the view is drawn, and what is read stays in place', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await seed(plaza, 'Ana', 700);
  await ana.sees('number 700.');
  const seqs = () =>
    ana.timeline
      .locator('li[data-seq]')
      .evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('data-seq'))));
  const whole = async () => {
    const drawn = await seqs();
    expect(drawn).toEqual(drawn.map((_, i) => (drawn[0] ?? 0) + i));
    expect(drawn.length).toBeLessThanOrEqual(400);
    return drawn;
  };
  /** A row that is drawn before and after the part moves, and where it stands. */
  const standing = (seq: number) =>
    ana.timeline.locator(`li[data-seq="${seq}"]`).evaluate((row) => row.getBoundingClientRect().top);
  for (let first = (await whole())[0] ?? 0; first > 1;) {
    const watched = first + 1;
    await ana.timeline.evaluate((el) => (el.scrollTop = 40));
    const before = await standing(watched).catch(() => undefined);
    await expect.poll(async () => (await seqs())[0]).toBeLessThan(first);
    first = (await whole())[0] ?? 0;
    if (before !== undefined) expect(Math.abs((await standing(watched)) - before)).toBeLessThan(3);
  }
  await expect(ana.timeline.getByText('This is the beginning of general')).toBeVisible();

  // What comes now is not drawn where one is, but counted; and the way back down shows all of it.
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  await ben.write('at the end');
  await expect(ana.page.getByRole('button', { name: '1 new message' })).toBeVisible();
  await expect(ana.message('at the end')).toHaveCount(0);
  await expect(async () => {
    await ana.timeline.evaluate((el) => (el.scrollTop = el.scrollHeight));
    await expect(ana.message('at the end')).toBeInViewport({ timeout: 200 });
  }).toPass();
  await whole();
  await ana.timeline.evaluate((el) => (el.scrollTop = 0));
  await ana.write('and an answer');
  await expect(ana.message('and an answer')).toBeInViewport();
});

test('more unread than a page: from the first, on to the end, and back to the beginning', async ({
  plaza,
  person,
}) => {
  const ben = await person();
  await ben.register('Ben');
  await ben.joinPublic('general');
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.joinPublic('elsewhere');
  await seed(plaza, 'Ben', 1_300);
  await expect(ana.room('general')).toContainText('999+');
  await ana.room('general').click();
  await ana.sees('number 1300.');
  // The last of them may come while the room opens.
  await ana.page.getByRole('button', { name: /^1,[0-3]\d\d unread messages, from the first$/ }).click();
  await expect(ana.message('number 1.').first()).toBeInViewport();
  await expect(ana.timeline.locator('[data-unread] + li')).toContainText('number 1.');
  await expect(ana.page.getByRole('button', { name: 'To the newest' })).toBeVisible();

  // Down to the end by scrolling: no hole, never more than a part of it in the page.
  const seqs = () =>
    ana.timeline
      .locator('li[data-seq]')
      .evaluateAll((rows) => rows.map((row) => Number(row.getAttribute('data-seq'))));
  const seen = new Set<number>();
  // The line stays where one began, however far one has read.
  const line = ana.timeline.locator('[data-unread] + li');
  const begun = (await line.getAttribute('data-seq')) ?? '';
  await expect(async () => {
    const drawn = await seqs();
    for (const below of await line.evaluateAll((rows) => rows.map((row) => row.getAttribute('data-seq')))) {
      expect(below).toBe(begun);
    }
    expect(drawn).toEqual(drawn.map((_, i) => (drawn[0] ?? 0) + i));
    expect(drawn.length).toBeLessThanOrEqual(400);
    for (const seq of drawn) seen.add(seq);
    await ana.timeline.evaluate((el) => (el.scrollTop = el.scrollHeight));
    await expect(ana.message('number 1300.')).toBeInViewport({ timeout: 10 });
  }).toPass({ intervals: [20], timeout: 60_000 });
  for (let seq = 3; seq <= 1_302; seq += 1) expect(seen.has(seq), `seq ${seq} was drawn`).toBe(true);

  // What is written from far back is seen arriving.
  await ana.page.getByRole('button', { name: 'Jump to date' }).click();
  await ana.page.getByRole('button', { name: 'To the beginning' }).click();
  await expect(ana.timeline.getByText('Ben made this room')).toBeInViewport();
  await ana.write('here I am');
  await expect(ana.message('here I am')).toBeInViewport();
  await expect(ana.message('number 1300.')).toBeInViewport();
});

test('a day is jumped to by its date; a day to come has nothing', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await seed(plaza, 'Ana', 300);
  await ana.page.getByRole('button', { name: 'Jump to date' }).click();
  await ana.page.getByLabel('Date', { exact: true }).fill('2001-01-01');
  await ana.page.getByRole('button', { name: 'Go there' }).click();
  await expect(ana.timeline.getByText('You made this room')).toBeInViewport();
  await ana.page.getByRole('button', { name: 'To the newest' }).click();
  await expect(ana.message('number 300.')).toBeInViewport();
});

test('one stop for Tab, and the arrows move among the messages', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await seed(plaza, 'Ana', 60);
  await ana.write('see https://example.org/ and https://example.com/');
  await expect(ana.unsettled).toHaveCount(0);
  const { keyboard } = ana.page;
  const focused = ana.timeline.locator('li:focus');
  await expect(ana.timeline.locator('li[tabindex="0"]')).toHaveCount(1);
  await keyboard.press('Shift+Tab');
  await keyboard.press('Shift+Tab');
  await keyboard.press('Shift+Tab');
  await expect(focused).toContainText('https://example.org/');
  await keyboard.press('ArrowUp');
  await expect(focused).toContainText('number 60.');
  await expect(ana.timeline.locator('a[tabindex="0"]')).toHaveCount(0);
  for (let i = 0; i < 70; i += 1) await keyboard.press('ArrowUp');
  await expect(focused).toContainText('made this room');
  await keyboard.press('End');
  await expect(focused).toContainText('https://example.org/');
  await keyboard.press('Escape');
  await expect(ana.composer).toBeFocused();
});

test('what others say is read out, once, and neither what one loads nor one’s own', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  await ben.write('before');
  await seed(plaza, 'Ana', 120);
  await ana.page.reload();
  await ana.sees('number 120.');
  const said = ana.page.locator('[data-announcer]');
  await ana.scrollToBeginning();
  await ana.sees('before');
  await ana.write('my own');
  await expect(ana.message('my own')).toHaveAttribute('data-state', 'sent');
  await ben.write('good evening');
  await expect(said).toHaveText('Ben: good evening');
  await expect(said).toHaveAttribute('aria-live', 'polite');
});

test('a new day makes yesterday of today, though nothing happens', async ({ person }) => {
  const ana = await person({ before: (page) => page.clock.install({ time: Date.now() }) });
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.write('said today');
  await expect(ana.unsettled).toHaveCount(0);
  await expect(ana.timeline).toContainText('Today');
  const time = ana.room('general').locator('time');
  await expect(time).toHaveText(/:/);
  await ana.page.context().setOffline(true);
  await expect(ana.banner).toContainText('Reconnecting');
  await ana.page.clock.fastForward(24 * 3_600_000);
  await expect(ana.timeline).toContainText('Yesterday');
  await expect(time).not.toHaveText(/:/);
});
