// The banner tells the truth, to the number.

import { io } from 'socket.io-client';
import { expect, test } from '../fixtures';
import { PASSWORD, refreshToken } from '../person';
import { Wire } from '../wire';

test('nothing missed, some missed, too much missed', async ({ plaza, person }) => {
  const wire = await Wire.to(plaza.url);
  const ana = await person({ url: wire.url });
  await ana.register('Ana');
  await ana.joinPublic('general');
  const ben = await person();
  await ben.register('Ben');
  await ben.joinPublic('general');
  await ana.sees('Ben joined');

  wire.cut();
  await expect(ana.banner).toContainText('Reconnecting');
  wire.mend();
  await expect(ana.banner).toContainText('Resumed: nothing missed.');

  wire.cut();
  await expect(ana.banner).toContainText('Reconnecting');
  for (let i = 1; i <= 7; i += 1) await ben.write(`missed ${i}`);
  await expect(ben.unsettled).toHaveCount(0);
  wire.mend();
  await expect(ana.banner).toContainText('Resumed: 7 messages caught up.');
  expect(await ana.lines()).toEqual(await ben.lines());
  const unread = ana.timeline.locator('[data-unread] + li');
  await expect(unread).toContainText('missed 1');

  wire.cut();
  await expect(ana.banner).toContainText('Reconnecting');
  const socket = io(plaza.url, { auth: { token: await plaza.logIn('Ben', PASSWORD) } });
  await new Promise((resumed) => socket.once('resumed', resumed));
  const send = (i: number) =>
    socket.timeout(30_000).emitWithAck('message:send', {
      roomId: 'general',
      clientId: `flood-${i}`,
      kind: 'text',
      body: { text: `flood ${i}` },
    });
  for (let from = 1; from <= 1_001; from += 91) {
    const answers = await Promise.all(Array.from({ length: 91 }, (_, i) => send(from + i)));
    expect(answers.every(({ ok }) => ok)).toBe(true);
  }
  socket.close();
  wire.mend();
  await expect(ana.banner).toContainText('Reloaded general', { timeout: 20_000 });
  await ana.sees('flood 1001');
  const lines = await ana.lines();
  expect(lines.at(-1)?.text).toBe('flood 1001');
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, i) => (lines[0]?.seq ?? 0) + i));
  wire.close();
});

test('a signed-out session goes to the sign-in page and does not loop', async ({ plaza, person }) => {
  const wire = await Wire.to(plaza.url);
  const ana = await person({ url: wire.url });
  await ana.register('Ana');
  await refreshToken(ana.page, 'not a token');
  await ana.page.reload();
  await expect(ana.page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await expect(ana.page.getByRole('alert')).toBeVisible();
  wire.close();
});
