// Three people go through all that the page offers, in the order in which one would come to it.

import type { Locator } from '@playwright/test';
import { expect, test } from '../fixtures';
import { PASSWORD, type Person } from '../person';

const dotOf = (within: Locator) => within.locator('[data-presence]');

async function chooses(person: Person, found: string): Promise<void> {
  await person.page.keyboard.press('Control+k');
  await person.page.keyboard.type(found);
  await expect(person.page.getByRole('option').filter({ hasText: found }).first()).toBeVisible();
}

test('three people, every feature', async ({ plaza, person }) => {
  const ana = await person();
  const ben = await person();
  const mia = await person();

  await test.step('they come: two with accounts, one as a guest', async () => {
    await ana.register('Ana');
    await ben.register('Ben');
    await mia.beGuest('Mia');
    await expect(ana.page.locator('.you [data-node]')).toContainText('Connected to');
  });

  await test.step('a public room is made, discovered and joined', async () => {
    await ana.joinPublic('market');
    await ben.page.getByRole('button', { name: 'Discover' }).click();
    await ben.page.getByLabel('Name or id').fill('MARK');
    await expect(ben.page.getByRole('dialog').getByText('1 member', { exact: true })).toBeVisible();
    await ben.page.getByRole('button', { name: 'Join market' }).click();
    await expect(ben.composer).toBeVisible();
    await chooses(mia, 'market');
    await mia.page.keyboard.press('Enter');
    await expect(mia.composer).toBeVisible();
    await ana.sees('Mia joined');
  });

  await test.step('who is online is seen, and who writes, and who has read', async () => {
    await ana.openMembers();
    await expect(dotOf(ana.members.locator('li', { hasText: 'Ben' }))).toHaveAttribute(
      'data-presence',
      'online',
    );
    await ben.composer.pressSequentially('Hel');
    await expect(ana.page.locator('[data-typing]')).toHaveText('Ben is writing…');
    await ben.write('Hello market');
    await ana.sees('Hello market');
    await expect(ana.page.locator('[data-typing]')).toHaveCount(0);
    await expect(ben.timeline.locator('[data-seen-by]')).toHaveAttribute('data-seen-by', /Ana/);
    await expect(ben.timeline.locator('[data-seen-by]')).toHaveAttribute('data-seen-by', /Mia/);
  });

  await test.step('one who is invisible is not seen', async () => {
    await ben.settings();
    await ben.page.getByRole('switch', { name: 'Invisible' }).check();
    const dot = dotOf(ana.members.locator('li', { hasText: 'Ben' }));
    await expect(dot).toHaveAttribute('data-presence', 'offline');
    await ben.page.getByRole('switch', { name: 'Invisible' }).uncheck();
    await expect(dot).toHaveAttribute('data-presence', 'online');
    await ben.page.getByRole('link', { name: 'Back to rooms' }).click();
    await expect(ben.composer).toBeVisible();
  });

  await test.step('the room gets another name and a moderator, who may do more than others', async () => {
    await expect(ben.page.getByRole('button', { name: 'Rename' })).toHaveCount(0);
    await ana.does('Make moderator', 'Ben');
    await ana.sees('You made Ben a moderator');
    await ben.sees('Ana made you a moderator');
    await ben.page.getByRole('button', { name: 'Rename' }).click();
    await ben.page.getByLabel('Name of the room').fill('The market');
    await ben.page.getByRole('button', { name: 'Save' }).click();
    await expect(ana.page.getByRole('heading', { name: 'The market' })).toBeVisible();
    await expect(mia.room('The market')).toBeVisible();
    const menu = await mia.menuOf('Ana');
    await expect(menu.getByRole('menuitem')).toHaveText(['Message', 'Block']);
    await mia.page.keyboard.press('Escape');
  });

  await test.step('one is banned, cannot come back, and can when the ban is lifted', async () => {
    await ben.does('Ban from the room', 'Mia', 'Ban');
    await expect(mia.page.getByText('Ben banned you from The market.')).toBeVisible();
    await expect(mia.room('The market')).toHaveCount(0);
    await mia.page.goto('/room/market');
    await mia.page.getByRole('button', { name: 'Join market' }).click();
    await expect(mia.page.getByRole('alert')).toBeVisible();
    await ben.members.getByText('Banned', { exact: true }).click();
    await ben.page.getByRole('button', { name: 'Lift the ban of Mia' }).click();
    await ana.sees('Ben lifted the ban of Mia');
    await mia.page.getByRole('button', { name: 'Join market' }).click();
    await expect(mia.composer).toBeVisible();
  });

  await test.step('two of them speak alone; a third is told where it happens', async () => {
    await chooses(ana, 'Ben');
    await ana.page.keyboard.press('Enter');
    await expect(ana.page.getByRole('heading', { name: 'Ben' })).toBeVisible();
    await expect(ana.page.locator('[data-kind]')).toHaveText('online');
    await ana.write('Between us');
    const toast = ben.page.locator('.notices a');
    await expect(toast).toContainText('Between us');
    await toast.click();
    await expect(ben.page.getByRole('heading', { name: 'Ana' })).toBeVisible();
    await ben.write('Of course');
    await ana.sees('Of course');
  });

  await test.step('one who is blocked is not heard, and is when that ends', async () => {
    await ana.does('Block', 'Ben', 'Block');
    await expect(ana.page.getByText('You have blocked Ben.')).toBeVisible();
    await expect(ana.composer).toHaveCount(0);
    await ben.page.goto('/');
    await ben.room('Ana').click();
    await ben.write('Are you there?');
    await expect(ben.message('Are you there?')).toHaveAttribute('data-state', 'failed');
    await ana.settings();
    await ana.page.getByRole('button', { name: 'Unblock Ben' }).click();
    await expect(ana.page.getByText('You have blocked nobody.')).toBeVisible();
    await ana.page.getByRole('link', { name: 'Back to rooms' }).click();
    await expect(ana.composer).toBeVisible();
    await ben.message('Are you there?').getByRole('button', { name: 'Try again' }).click();
    await ana.sees('Are you there?');
  });

  await test.step('a group is handed over before its owner leaves', async () => {
    await ana.createGroup('Dinner');
    await ana.addMember('Ben');
    await ana.page.getByRole('button', { name: 'Leave group' }).click();
    await ana.confirms('Leave');
    await expect(ana.members.getByRole('alert')).toContainText('only owner');
    await ana.does('Make owner', 'Ben', 'Make owner');
    await ana.sees('You made Ben an owner');
    await ana.page.getByRole('button', { name: 'Leave group' }).click();
    await ana.confirms('Leave');
    await expect(ana.page.getByText('You left Dinner.')).toBeVisible();
    await ben.room('Dinner').click();
    await ben.sees('Ana left');
  });

  await test.step('the log is jumped into by date, from both ends', async () => {
    await ana.room('The market').click();
    await ana.page.getByRole('button', { name: 'Jump to date' }).click();
    await ana.page.getByRole('button', { name: 'To the beginning' }).click();
    await expect(ana.timeline.getByText('You made this room')).toBeInViewport();
    await ana.page.getByRole('button', { name: 'Jump to date' }).click();
    await ana.page.getByRole('button', { name: 'Go there' }).click();
    await expect(ana.timeline.locator('.target')).toHaveCount(1);
  });

  await test.step('sessions are listed and ended; the password is changed', async () => {
    const phone = await person();
    await phone.logIn('Ana');
    await phone.signedIn('Ana');
    await ana.settings();
    await expect(ana.page.getByRole('button', { name: /^End the session on/ })).toHaveCount(1);
    await ana.page.getByRole('button', { name: /^End the session on/ }).click();
    await expect(phone.page.getByRole('button', { name: 'Sign in' })).toBeVisible();
    await ana.page.getByLabel('Current password').fill(PASSWORD);
    await ana.page.getByLabel('New password').fill('another correct horse');
    await ana.page.getByRole('button', { name: 'Change password' }).click();
    await expect(ana.page.getByText('The password is changed.')).toBeVisible();
    await phone.logIn('Ana');
    await expect(phone.page.getByRole('alert')).toBeVisible();
    await phone.logIn('Ana', 'another correct horse');
    await phone.signedIn('Ana');
  });

  await test.step('the server is stopped and comes back, and everybody has all of it', async () => {
    await ana.page.getByRole('link', { name: 'Back to rooms' }).click();
    await mia.room('The market').click();
    await plaza.terminate();
    await expect(mia.banner).toHaveAttribute('data-phase', /ending|reconnecting/);
    await mia.write('Written while it was away');
    await plaza.start();
    await ana.sees('Written while it was away');
    await expect(mia.unsettled).toHaveCount(0);
  });
});
