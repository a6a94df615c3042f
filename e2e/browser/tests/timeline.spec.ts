// A long timeline: older pages come without a jump, and one who reads above is left there.

import { io } from 'socket.io-client';
import { expect, test } from '../fixtures';
import { PASSWORD } from '../person';

test('older messages come without moving what is read; new ones are announced', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const socket = io(plaza.url, { auth: { token: await plaza.logIn('Ana', PASSWORD) } });
  await new Promise((resumed) => socket.once('resumed', resumed));
  const say = (i: number) =>
    socket.timeout(10_000).emitWithAck('message:send', {
      roomId: 'general',
      clientId: `n-${i}`,
      kind: 'text',
      body: { text: `number ${i}.` },
    });
  for (let i = 1; i <= 180; i += 1) await say(i);
  socket.close();
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
  const socket = io(plaza.url, { auth: { token: await plaza.logIn('Ana', PASSWORD) } });
  await new Promise((resumed) => socket.once('resumed', resumed));
  for (let i = 1; i <= 230; i += 1) {
    const body = { text: `number ${i}.` };
    await socket.timeout(10_000).emitWithAck('message:send', {
      roomId: 'general',
      clientId: `n-${i}`,
      kind: 'text',
      body,
    });
  }
  socket.close();
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
