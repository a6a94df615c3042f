// axe-core over the page's main states, in both themes: contrast, names, roles, order of headings, targets.

import type { Page } from '@playwright/test';
import { violations } from '../axe';
import { expect, test } from '../fixtures';
import { PASSWORD, storeUnsendable } from '../person';

async function clean(page: Page, state: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // The page hears of it a moment later, and is drawn in the new colours with the next frame but one.
    await page.waitForFunction(
      (scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches,
      colorScheme,
    );
    await page.evaluate(
      () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(null)))),
    );
    // In the other theme, only the colours are others.
    const what = colorScheme === 'light' ? 'all' : 'colours';
    expect(await violations(page, what), `${state}, ${colorScheme}`).toEqual([]);
  }
}

test('nobody is shut out: signing in, rooms, a conversation, dialogs', async ({ person }) => {
  const ana = await person();
  const { page } = ana;
  await clean(page, 'sign in');
  await page.getByLabel('Name').fill('Nobody');
  await page.getByLabel('Password').fill('wrong password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await clean(page, 'refused');
  await page.getByText('Guest', { exact: true }).click();
  await clean(page, 'guest');
  await ana.register('Ana');
  await clean(page, 'no rooms');
  await page.getByRole('button', { name: 'New', exact: true }).click();
  await page.getByLabel('Room id').fill('g_not allowed');
  await clean(page, 'new room');
  await page.keyboard.press('Escape');
  await ana.joinPublic('general');
  await clean(page, 'empty room');

  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  await ana.joinPublic('elsewhere');
  await ben.write('See https://example.org/');
  await expect(ana.room('general')).toContainText('1 unread message');
  await clean(page, 'unread');
  await ana.room('general').click();
  await ana.write('Thank you');
  await expect(ana.message('Thank you')).toHaveAttribute('data-state', 'sent');
  await clean(page, 'conversation');
  await page.goto('/history/general');
  await expect(page.getByRole('table')).toBeVisible();
  await clean(page, 'history');
  await page.goto('/room/nowhere');
  await expect(page.getByRole('button', { name: 'Join nowhere' })).toBeVisible();
  await clean(page, 'not a member');
  await ana.createGroup('Dinner');
  await ana.openMembers();
  await expect(ana.members).toContainText('owner');
  await clean(page, 'members');
  await page.getByRole('button', { name: 'Leave group' }).click();
  await clean(page, 'leaving');
  await page.keyboard.press('Escape');
  await ben.page.getByRole('button', { name: 'Sign out' }).click();
  await clean(ben.page, 'signing out');
});

test('nor in what stands above the page, in settings, or in a conversation of two', async ({ person }) => {
  const ana = await person();
  const { page } = ana;
  await ana.register('Ana');
  const ben = await person();
  await ben.beGuest('Ben');
  await ana.joinPublic('general');
  await ben.joinPublic('general');
  await ben.write('Good morning');
  await ana.sees('Good morning');
  await ana.write('Good morning');
  await expect(ana.timeline.locator('[data-seen-by]')).toHaveCount(1);
  await clean(page, 'seen by');
  await page.getByRole('button', { name: 'Actions for Ben' }).click();
  await clean(page, 'menu');
  await page.getByRole('menuitem', { name: 'Ban from the room' }).click();
  await clean(page, 'question');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Rename' }).click();
  await clean(page, 'rename');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Jump to date' }).click();
  await clean(page, 'jump');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Discover' }).click();
  await expect(page.getByRole('button', { name: 'Open general' })).toBeVisible();
  await clean(page, 'discover');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('e');
  await expect(page.getByRole('option', { name: 'Ben' })).toBeVisible();
  await clean(page, 'finder');
  await page.getByRole('option', { name: 'Ben' }).click();
  await expect(page.getByRole('heading', { name: 'Ben' })).toBeVisible();
  await clean(page, 'direct');
  await ana.settings();
  await expect(page.getByText('this one')).toBeVisible();
  await clean(page, 'settings');
  await page.goto('/#/reset/some-token');
  await expect(page.getByRole('heading', { name: 'Set a new password' })).toBeVisible();
  await clean(page, 'new password');
});

test('nor when the connection is lost, or a message fails, or the window is narrow', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  const { page } = ana;
  await ana.register('Ana');
  await ana.joinPublic('general');
  await storeUnsendable(page, await plaza.logIn('Ana', PASSWORD), 'cannot be sent');
  await page.reload();
  await expect(ana.message('cannot be sent')).toHaveAttribute('data-state', 'failed');
  await clean(page, 'failed');
  await ana.composer.fill('x'.repeat(8_200));
  await clean(page, 'too long');
  await ana.composer.fill('');
  await plaza.kill();
  await expect(ana.banner).toContainText('Reconnecting');
  await ana.write('waiting');
  await clean(page, 'reconnecting');
  await plaza.start();
  await expect(ana.banner).toContainText('Resumed', { timeout: 30_000 });
  await clean(page, 'resumed');
  await page.setViewportSize({ width: 360, height: 740 });
  await clean(page, 'narrow, a room');
  await page.getByRole('link', { name: 'Back to rooms' }).click();
  await clean(page, 'narrow, the list');
});
