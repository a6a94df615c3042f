// The server comes back with other data than it went with: a page shows that, says so, and loses nothing unsent.

import { expect, test } from '../fixtures';
import { PASSWORD } from '../person';

const texts = (lines: { text: string }[]) => lines.map(({ text }) => text);

test('a backup is restored: what it had is shown, what came after is gone, and what waits is sent', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  for (const room of ['one', 'two', 'three', 'four', 'general']) await ana.joinPublic(room);
  await ana.write('before the backup');
  await expect(ana.unsettled).toHaveCount(0);
  await plaza.backup();
  await ana.write('after the backup');
  await ana.joinPublic('made-after-it');
  await ana.room('general').click();
  await expect(ana.unsettled).toHaveCount(0);

  await plaza.kill();
  await expect(ana.banner).toContainText('Reconnecting');
  await ana.write('while it was away');
  await plaza.restore();
  await plaza.start();
  const said = /^ *Reloaded .+, .+ and 3 other rooms \(the server's history was replaced\)\./;
  await expect(ana.banner).toHaveText(said, { timeout: 30_000 });
  await expect(ana.unsettled).toHaveCount(0);
  expect(texts(await ana.lines())).toEqual(['before the backup', 'while it was away']);
  await expect(ana.room('made-after-it')).toHaveCount(0);
  await expect(ana.page.getByText('You are no longer in made-after-it.')).toBeVisible();

  // It stays until it has been read, and the room goes on.
  await ana.write('and on');
  await ana.sees('and on');
  await expect(ana.banner).toContainText('was replaced');
  await ana.banner.getByRole('button', { name: 'Dismiss' }).click();
  await expect(ana.banner).toHaveText('');
});

test('what came next is kept no longer: the newest are shown, and it is said', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.write('long ago');
  await expect(ana.unsettled).toHaveCount(0);
  const ben = await person();
  await ben.register('Ben');
  await ben.joinPublic('general');
  await ana.sees('Ben joined');

  await ana.page.context().setOffline(true);
  await expect(ana.banner).toContainText('Reconnecting');
  await ben.write('old, and never seen by Ana');
  await ben.write('of today');
  await expect(ben.unsettled).toHaveCount(0);
  const log = await plaza.log('general', await plaza.logIn('Ben', PASSWORD));
  await plaza.kill();
  const old = log.find(({ body }) => body?.text.startsWith('old'))?.seq ?? 0;
  await plaza.age('general', old, 30);
  plaza.settings['PLAZA_CHAT__RETENTION__DAYS'] = '7';
  await plaza.start();
  const kept = async () => (await plaza.log('general', await plaza.logIn('Ben', PASSWORD))).length;
  await expect.poll(kept).toBe(1);

  await ana.page.context().setOffline(false);
  await expect(ana.banner).toContainText('general (what came next is kept no longer', { timeout: 30_000 });
  await ana.sees('of today');
  await expect(ana.message('old, and never seen')).toHaveCount(0);
  // Older than that is not promised either: the page says so where the room would begin.
  await expect(ana.message('long ago')).toHaveCount(0);
  await expect(ana.timeline).toContainText('kept no longer');
});
