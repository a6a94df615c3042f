// One at a browser, one at the console: the same rooms, the same order, the same promise.

import { Console } from '../console';
import { expect, test } from '../fixtures';
import { PASSWORD } from '../person';

test('browser and console talk while the server is killed between them', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const said = await ana.watchBanner();
  const fedir = new Console(plaza.url);
  try {
    fedir.type('auth Fedir');
    await fedir.says('Authorized as Fedir');
    fedir.type('join general');
    await fedir.says('Member Fedir was added to room general');
    await ana.sees('Fedir joined');

    await ana.write('Hello console');
    await fedir.says('Message from general ==> Hello console');
    fedir.type('write general "Hello browser"');
    await ana.sees('Hello browser');

    const written = ['Hello console', 'Hello browser'];
    for (let i = 1; i <= 20; i += 1) {
      written.push(`console ${i}`);
      fedir.type(`write general "console ${i}"`);
    }
    for (let i = 1; i <= 20; i += 1) {
      written.push(`browser ${i}`);
      await ana.write(`browser ${i}`);
      if (i === 8) {
        await plaza.kill();
        await expect(ana.banner).toContainText('Reconnecting');
      }
    }
    await plaza.start();
    await expect(ana.banner).toHaveAttribute('data-phase', 'online', { timeout: 30_000 });
    await expect(ana.unsettled).toHaveCount(0, { timeout: 30_000 });
    await expect.poll(async () => (await ana.lines()).length, { timeout: 60_000 }).toBe(written.length);
    // What was typed into the console stands there already: it prints what the others say.
    await expect.poll(() => fedir.messages('general').length, { timeout: 30_000 }).toBe(21);

    const log = await plaza.log('general', await plaza.logIn('Ana', PASSWORD));
    const texts = log.flatMap(({ type, body }) => (type === 'message' ? [body?.text ?? ''] : []));
    expect([...texts].sort()).toEqual([...written].sort());
    expect((await ana.lines()).map(({ text }) => text)).toEqual(texts);
    const fromAna = texts.filter((text) => text !== 'Hello browser' && !text.startsWith('console'));
    expect(fedir.messages('general')).toEqual(fromAna);
    expect((await said()).join('\n')).toMatch(/Reconnecting[^]*Resumed: /);
  } finally {
    fedir.kill();
  }
});

test('the console brings somebody at a browser into a group and puts them out', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  const simon = new Console(plaza.url);
  try {
    simon.type('auth Simon');
    await simon.says('Authorized as Simon');
    simon.type('createChat "First chat"');
    await simon.says('Room First chat was created');
    simon.type('join "First chat" Ana');
    await simon.says('Member Ana was added to room First chat');
    await ana.room('First chat').click();
    await expect(ana.timeline).toContainText('Simon added you');
    simon.type('write "First chat" "Hi Ana"');
    await ana.sees('Hi Ana');
    await ana.write('Hi Simon');
    await simon.says('Message from First chat ==> Hi Simon');
    simon.type('remove "First chat" Ana');
    await simon.says('Member Ana was removed from room First chat');
    await expect(ana.page.getByText('Simon removed you from First chat.')).toBeVisible();
    expect(await simon.end()).toBe(0);
  } finally {
    simon.kill();
  }
});
