// Everything with the keyboard alone, and everything at 360 pixels.

import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures';

/** Presses Tab until the focus is on what has this name, as somebody without a mouse does. */
async function tabTo(page: Page, role: 'textbox' | 'button' | 'link' | 'radio', name: string | RegExp) {
  const target = page.getByRole(role, { name, exact: typeof name === 'string' });
  for (let i = 0; i < 40; i += 1) {
    if (await target.evaluate((el) => el === document.activeElement).catch(() => false)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never reaches ${role} ${name}`);
}

test('from registering to leaving without a mouse', async ({ person }) => {
  const ana = await person();
  const { page } = ana;
  const keys = page.keyboard;
  await tabTo(page, 'radio', 'Sign in');
  await keys.press('ArrowRight');
  await tabTo(page, 'textbox', 'Name');
  await keys.type('Ana');
  await keys.press('Tab');
  await keys.type('correct horse battery');
  await keys.press('Enter');
  await ana.signedIn('Ana');

  for (const room of ['general', 'market', 'music']) {
    await tabTo(page, 'button', 'New');
    await keys.press('Enter');
    await expect(page.getByRole('dialog')).toBeVisible();
    await tabTo(page, 'textbox', 'Room id');
    await keys.type(room);
    await keys.press('Enter');
    await expect(page.getByRole('heading', { name: room })).toBeVisible();
    await expect(ana.composer).toBeFocused();
  }
  await keys.type('first line');
  await keys.press('Shift+Enter');
  await keys.type('second line');
  await keys.press('Enter');
  await expect(ana.timeline.locator('li .text')).toHaveText('first line\nsecond line');
  await expect(ana.composer).toHaveValue('');

  const inNav = page.getByRole('navigation', { name: 'Rooms' }).locator('a:focus');
  for (let i = 0; i < 6 && (await inNav.count()) === 0; i += 1) await keys.press('F6');
  await expect(inNav).toHaveCount(1);
  await keys.press('End');
  const last = await inNav.getAttribute('href');
  await keys.press('ArrowUp');
  await expect(inNav).not.toHaveAttribute('href', last ?? '');
  await keys.press('Home');
  await keys.press('ArrowDown');
  const chosen = (await inNav.getAttribute('href')) ?? '';
  await keys.press('Enter');
  await expect(page).toHaveURL(new RegExp(`${chosen}$`));

  await tabTo(page, 'button', 'Members');
  await keys.press('Enter');
  const members = page.getByRole('complementary', { name: 'Members' });
  await expect(members).toContainText('Ana');
  await keys.press('Escape');
  await expect(members).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Members' })).toBeFocused();

  await tabTo(page, 'button', 'New');
  await keys.press('Enter');
  await keys.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);

  await tabTo(page, 'button', 'Sign out');
  await keys.press('Enter');
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
});

test('among many rooms one is found by typing, and the list can be skipped', async ({ person }) => {
  const ana = await person();
  const { page } = ana;
  const keys = page.keyboard;
  await ana.register('Ana');
  for (let i = 1; i <= 10; i += 1) await ana.joinPublic(`stall-${i}`);
  const search = page.getByRole('combobox', { name: 'Find a room or a person' });
  const results = page.getByRole('option');
  await ana.joinPublic('fountain');
  await keys.press('Control+k');
  await expect(search).toBeFocused();
  await keys.type('STALL 7');
  await expect(results).toHaveText([/stall-7/]);
  await keys.press('Enter');
  await expect(page).toHaveURL(/stall-7$/);
  await expect(ana.composer).toBeFocused();

  // Before anything is typed, the room one is in comes last: Enter goes where one was before.
  await keys.press('Control+k');
  await expect(search).toHaveValue('');
  await expect(results.first()).toHaveText('fountain');
  await expect(results.last()).toHaveText('stall-7');
  await keys.type('stall');
  await expect(results).toHaveCount(8);
  const second = (await results.nth(1).locator('.name').textContent()) ?? '';
  await keys.press('ArrowDown');
  await expect(results.nth(1)).toHaveAttribute('aria-selected', 'true');
  await keys.press('Enter');
  await expect(page.getByRole('heading', { name: second })).toBeVisible();
  await keys.press('Control+k');
  await keys.type('nowhere to be found');
  await expect(page.getByText('Nothing of that name.')).toBeVisible();
  await expect(page.getByText('found by their whole name')).toBeVisible();
  await keys.press('Escape');
  await expect(search).toHaveCount(0);
  await expect(page.getByRole('navigation', { name: 'Rooms' }).getByRole('link')).toHaveCount(11);

  // Ctrl-K so soon after Escape that the page has not heard yet that the window before is closed.
  await page.getByRole('button', { name: 'Discover' }).click();
  await page.getByRole('dialog').evaluate((above: HTMLDialogElement) => {
    above.close();
    window.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, cancelable: true }));
  });
  await expect(search).toBeFocused();
  await keys.type('stall');
  await expect(results).toHaveCount(8);
  await keys.press('Escape');

  await page.reload();
  await expect(ana.composer).toBeFocused();
  await tabTo(page, 'button', 'Skip to the message box');
  await expect(page.getByRole('button', { name: 'Skip to the message box' })).toBeInViewport();
  await keys.press('Enter');
  await expect(ana.composer).toBeFocused();
});

test('whom one shares a room with is found by a part of the name', async ({ person }) => {
  const ana = await person();
  const { page } = ana;
  await ana.register('Ana');
  await ana.joinPublic('quiet');
  const ben = await person();
  await ben.register('Benedikta');
  await ben.joinPublic('quiet');
  await ana.sees('Benedikta joined');
  await ana.joinPublic('general');
  // From here on the page has not looked into the room that they share.
  await page.reload();
  await expect(ana.composer).toBeFocused();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('dikt');
  await expect(page.getByRole('option')).toHaveText([/Benedikta/]);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Benedikta' })).toBeVisible();
});

test('at 360 pixels the list and a room are two views, and nothing sticks out', async ({ person }) => {
  const ana = await person({ viewport: { width: 360, height: 640 } });
  const fits = async () =>
    expect(await ana.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await fits();
  await ana.register('Ana-with-a-rather-long-name.here');
  await fits();
  await ana.joinPublic('general');
  await expect(ana.page.getByRole('navigation', { name: 'Rooms' })).toBeHidden();
  await ana.write(`A long word: ${'wide'.repeat(60)}`);
  await ana.sees('A long word');
  await fits();
  await ana.page.getByRole('button', { name: 'Members' }).click();
  await fits();
  await ana.page.keyboard.press('Escape');
  await ana.page.getByRole('link', { name: 'Back to rooms' }).click();
  await expect(ana.room('general')).toBeVisible();
  await expect(ana.page.getByRole('log')).toBeHidden();
  await ana.room('general').click();
  await ana.sees('A long word');
  await ana.page.keyboard.press('Escape');
  await expect(ana.room('general')).toBeVisible();
});

test('a message that is too long is told while typing and not sent', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.composer.fill('ж'.repeat(4_097));
  await expect(ana.page.getByText('2 bytes too long')).toBeVisible();
  await ana.composer.press('Enter');
  await expect(ana.timeline.locator('li .text')).toHaveCount(0);
  await ana.composer.fill('ж'.repeat(4_096));
  await ana.composer.press('Enter');
  await expect(ana.timeline.locator('li[data-state="sent"]')).toHaveCount(1);
});

test('light, dark, or as the system has it; the choice outlives the page', async ({ person }) => {
  const ana = await person({ colorScheme: 'dark' });
  const background = () => ana.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await ana.register('Ana');
  const dark = await background();
  await ana.settings();
  await ana.page.getByRole('radio', { name: 'Light' }).check();
  const light = await background();
  expect(light).not.toBe(dark);
  await ana.page.reload();
  expect(await background()).toBe(light);
  await ana.page.getByRole('radio', { name: 'Dark' }).check();
  expect(await background()).toBe(dark);
});
