// One person in several tabs, and one who is impatient.

import { expect, test } from '../fixtures';

test('two tabs that reload at the same time both stay signed in', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const other = await ana.page.context().newPage();
  await other.goto('/room/general');
  for (let i = 0; i < 3; i += 1) {
    await Promise.all([ana.page.reload(), other.reload()]);
    for (const page of [ana.page, other]) await expect(page.getByRole('log')).toBeVisible();
  }
  await ana.write('from the first tab');
  await expect(other.getByText('from the first tab')).toHaveCount(2);
});

test('a network that goes away is noticed at once', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.page.context().setOffline(true);
  await expect(ana.banner).toContainText('Reconnecting', { timeout: 3_000 });
  await ana.write('written in a tunnel');
  await expect(ana.message('tunnel')).toHaveAttribute('data-state', 'queued');
  await ana.page.context().setOffline(false);
  await expect(ana.message('tunnel')).toHaveAttribute('data-state', 'sent');
  await expect(ana.banner).toContainText('Resumed: nothing missed.');
});
