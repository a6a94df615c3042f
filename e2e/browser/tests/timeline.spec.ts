// A long timeline: older pages come without a jump, and one who reads above is left there.

import { io } from 'socket.io-client';
import { expect, test } from '../fixtures';
import { PASSWORD } from '../person';
import type { Plaza } from '../plaza';

/** Writes `number 1.` to `number COUNT.` as this person, in order. */
async function seed(plaza: Plaza, name: string, count: number): Promise<void> {
  const socket = io(plaza.url, { auth: { token: await plaza.logIn(name, PASSWORD) } });
  await new Promise((resumed) => socket.once('resumed', resumed));
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
