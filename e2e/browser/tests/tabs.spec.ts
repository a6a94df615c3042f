// One person in several tabs, and one who is impatient.

import { expect, test } from '../fixtures';
import { PASSWORD, stored } from '../person';

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

test('a browser is one person: signing out and in again in one tab takes the other along', async ({
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const other = await ana.page.context().newPage();
  await other.goto('/room/general');
  await expect(other.getByRole('log')).toBeVisible();

  await ana.page.getByRole('button', { name: 'Sign out' }).click();
  await expect(other.getByRole('alert')).toHaveText('You signed out in another tab.');
  await ana.register('Ben');
  await expect(other.locator('.sidebar .you')).toContainText('Ben');

  // The server ends what is left of Ana's session within seconds; that must cost Ben nothing.
  for (const page of [ana.page, other]) {
    await page.reload();
    await expect(page.locator('.sidebar .you')).toContainText('Ben');
  }
  await expect(ana.page).toHaveURL(/\/$/);
});

test('a message written offline and waiting in two tabs arrives once', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await plaza.kill();
  await expect(ana.banner).toContainText('Reconnecting');
  await ana.write('only once');
  await ana.composer.fill('a draft');
  await plaza.start();
  // The second tab finds it in the store before, or while, the first one sends it.
  const other = await ana.page.context().newPage();
  await other.goto('/room/general');
  const shown = other.getByRole('log').locator('li', { hasText: 'only once' });
  await expect(shown).toHaveAttribute('data-state', 'sent', { timeout: 30_000 });
  await expect(ana.message('only once')).toHaveAttribute('data-state', 'sent', { timeout: 30_000 });
  await expect(shown).toHaveCount(1);
  await expect(ana.message('only once')).toHaveCount(1);
  const log = await plaza.log('general', await plaza.logIn('Ana', PASSWORD));
  expect(log.filter(({ type }) => type === 'message')).toHaveLength(1);
  for (const page of [ana.page, other]) await expect.poll(() => stored(page)).toEqual([]);

  // What one only began to write is the tab's own, and outlives a reload.
  await expect(other.getByRole('textbox', { name: 'Message general' })).toHaveValue('');
  await ana.page.reload();
  await expect(ana.composer).toHaveValue('a draft');
});

test('signing out with messages on their way asks first', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await plaza.kill();
  await expect(ana.banner).toContainText('Reconnecting');
  await ana.write('not sent');
  await ana.page.getByRole('button', { name: 'Sign out' }).click();
  const asking = ana.page.getByRole('alertdialog');
  await expect(asking).toContainText('1 message has not been sent');
  await asking.getByRole('button', { name: 'Cancel' }).click();
  await expect(ana.message('not sent')).toBeVisible();
  await ana.page.getByRole('button', { name: 'Sign out' }).click();
  await asking.getByRole('button', { name: 'Sign out' }).click();
  await expect(ana.page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  expect(await ana.page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
  expect(await stored(ana.page)).toEqual([]);
});
