// A forgotten password: an administrator gives a link, which works once.

import { expect, test } from '../fixtures';
import { PASSWORD } from '../person';

test('a password is set anew with the link that plaza admin prints', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  const link = /\S*#\/reset\/\S+/.exec(await plaza.admin('reset-link', 'Ana'))?.[0] ?? '';
  const route = link.slice(link.indexOf('#'));
  expect(route).toMatch(/^#\/reset\/.{16,}$/);

  const phone = await person();
  const set = async (password: string, again = password) => {
    await phone.page.getByLabel('New password').fill(password);
    await phone.page.getByLabel('The same once more').fill(again);
    await phone.page.getByRole('button', { name: 'Set the password' }).click();
  };
  await phone.page.goto(`/${route}`);
  await set('another correct horse', 'a slip of the finger');
  await expect(phone.page.getByRole('alert')).toHaveText('The two are not the same.');
  await set('another correct horse');
  await phone.page.getByRole('button', { name: 'To sign in' }).click();
  await expect(phone.page).toHaveURL(/\/$/);
  // Where one was signed in, one is not any more.
  await expect(ana.page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await phone.logIn('Ana', PASSWORD);
  await expect(phone.page.getByRole('alert')).toBeVisible();
  await phone.logIn('Ana', 'another correct horse');
  await phone.signedIn('Ana');

  await ana.page.goto(`/${route}`);
  await ana.page.getByLabel('New password').fill('a third correct horse');
  await ana.page.getByLabel('The same once more').fill('a third correct horse');
  await ana.page.getByRole('button', { name: 'Set the password' }).click();
  await expect(ana.page.getByRole('alert')).toBeVisible();
});
