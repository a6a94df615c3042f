// Two people talk in two browsers, and the server is killed while they do.

import { expect, test } from '../fixtures';
import { PASSWORD, type Line, type Person } from '../person';
import type { LogEvent, Plaza } from '../plaza';

const messagesOf = (log: LogEvent[]): Line[] =>
  log.flatMap(({ type, seq, body }) => (type === 'message' ? [{ seq, text: body?.text ?? '' }] : []));

/** Both pages show the log's messages: all of them, each once, in the log's order. */
async function agree(plaza: Plaza, people: Person[], written: string[]): Promise<void> {
  for (const person of people) {
    await expect(person.unsettled).toHaveCount(0, { timeout: 30_000 });
    await expect.poll(async () => (await person.lines()).length, { timeout: 30_000 }).toBe(written.length);
  }
  const log = await plaza.log('general', await plaza.logIn('Ana', PASSWORD));
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, i) => i + 1));
  const messages = messagesOf(log);
  expect(messages.map(({ text }) => text).sort()).toEqual([...written].sort());
  expect(new Set(log.flatMap(({ clientId }) => clientId ?? [])).size).toBe(messages.length);
  for (const person of people) expect(await person.lines()).toEqual(messages);
}

test('one registers, one is a guest; they talk, reload and still have it all', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  await expect(ana.timeline).toContainText('Ben joined');

  await ana.write('Hello Ben');
  await ben.sees('Hello Ben');
  await ben.write('Hello Ana');
  await ana.sees('Hello Ana');
  await expect(ben.message('Hello Ana')).toHaveAttribute('data-state', 'sent');

  for (const someone of [ana, ben]) await someone.page.reload();
  await ana.signedIn('Ana');
  await ben.signedIn('Ben');
  await ben.write('Still here');
  await ana.sees('Still here');
  await agree(plaza, [ana, ben], ['Hello Ben', 'Hello Ana', 'Still here']);

  for (const someone of [ana, ben]) {
    await someone.page.goto('/history/general');
    const texts = someone.page.locator('tr[data-seq] .what');
    await expect(texts).toContainText(['Hello Ben', 'Hello Ana', 'Still here']);
  }
});

test('the server is killed in the middle of a burst and nothing is lost or doubled', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  const said = [await ana.watchBanner(), await ben.watchBanner()];

  const written: string[] = [];
  const burst = async (who: Person, name: string, from: number, to: number) => {
    for (let i = from; i <= to; i += 1) {
      written.push(`${name} ${i}`);
      await who.write(`${name} ${i}`);
    }
  };
  const sending = Promise.all([burst(ana, 'Ana', 1, 25), burst(ben, 'Ben', 1, 25)]);
  await expect.poll(async () => (await ben.lines()).length).toBeGreaterThan(15);
  await plaza.kill();
  await expect(ana.banner).toContainText('Reconnecting');
  await expect(ben.banner).toContainText('Reconnecting');
  await sending;
  await expect(ana.unsettled).not.toHaveCount(0);
  await plaza.start();
  for (const someone of [ana, ben]) {
    await expect(someone.banner).toHaveAttribute('data-phase', 'online', { timeout: 30_000 });
  }
  await burst(ana, 'Ana', 26, 30);
  await agree(plaza, [ana, ben], written);

  for (const read of said) {
    const banner = (await read()).join('\n');
    expect(banner).toMatch(/Connection lost\. Reconnecting, attempt 1/);
    expect(banner).toMatch(/Resumed: (nothing missed|\d+ messages? caught up)\./);
    expect(banner).not.toMatch(/Reloaded/);
  }
});

test('what was written while the server was away survives a reload of the page', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.write('before');
  await expect(ana.message('before')).toHaveAttribute('data-state', 'sent');
  await plaza.kill();
  await expect(ana.banner).toContainText('Reconnecting');
  await ana.write('during 1');
  await ana.write('during 2');
  const queued = ana.timeline.locator('li[data-state="queued"]');
  await expect(queued).toHaveCount(2);
  const ids = () =>
    ana.timeline
      .locator('li[data-client-id]')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-client-id')));
  const before = await ids();
  await plaza.start();
  await ana.page.reload();
  await agree(plaza, [ana], ['before', 'during 1', 'during 2']);
  expect(await ids()).toEqual(before);
});

test('a server that is stopped properly says so, and the page says it too', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const said = await ana.watchBanner();
  await plaza.terminate();
  await expect(ana.banner).toHaveAttribute('data-phase', /ending|reconnecting/);
  await plaza.start();
  await expect(ana.banner).toContainText('Resumed: nothing missed.', { timeout: 30_000 });
  expect((await said()).join('\n')).toContain('The server is restarting.');
});
