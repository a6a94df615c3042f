// What the server does not take: a message that cannot be, a room that is gone, a session that was ended.

import { expect, test } from '../fixtures';
import { PASSWORD, refreshToken, storeUnsendable } from '../person';
import { Wire } from '../wire';

test('a message that cannot be sent says why, and can be tried again or discarded', async ({
  plaza,
  person,
}) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await storeUnsendable(ana.page, await plaza.logIn('Ana', PASSWORD), 'cannot be sent');
  await ana.page.reload();
  const failed = ana.message('cannot be sent');
  await expect(failed).toHaveAttribute('data-state', 'failed');
  await expect(failed.getByRole('alert')).toContainText('clientId');
  await ana.write('this one can');
  await expect(ana.message('this one can')).toHaveAttribute('data-state', 'sent');
  await failed.getByRole('button', { name: 'Try again' }).click();
  await expect(failed).toHaveAttribute('data-state', 'failed');
  await failed.getByRole('button', { name: 'Discard' }).click();
  await expect(failed).toHaveCount(0);
  await ana.page.reload();
  await ana.sees('this one can');
  await expect(failed).toHaveCount(0);
});

test('one who was removed while away is told, and loses the room', async ({ plaza, person }) => {
  const wire = await Wire.to(plaza.url);
  const ana = await person();
  await ana.register('Ana');
  const ben = await person({ url: wire.url });
  await ben.register('Ben');
  await ana.createGroup('Dinner');
  await ana.addMember('Ben');
  await ben.room('Dinner').click();
  await expect(ben.composer).toBeVisible();
  wire.cut();
  await expect(ben.banner).toContainText('Reconnecting');
  await ben.write('this will not arrive');
  await ana.does('Remove from the room', 'Ben', 'Remove');
  await expect(ana.timeline).toContainText('You removed Ben');
  wire.mend();
  const notice = 'You are no longer in Dinner. 1 unsent message was given up.';
  await expect(ben.page.getByText(notice)).toBeVisible();
  await expect(ben.room('Dinner')).toHaveCount(0);
  await expect(ana.timeline).not.toContainText('this will not arrive');
  wire.close();
});

test('a session that is ended elsewhere ends here, within seconds', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const response = await fetch(`${plaza.url}/api/v1/logout`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: await refreshToken(ana.page) }),
  });
  expect(response.ok).toBe(true);
  await expect(ana.page.getByRole('button', { name: 'Sign in' })).toBeVisible({ timeout: 6_000 });
  await expect(ana.page.getByRole('alert')).toContainText('signed out');
  await ana.page.getByLabel('Name').fill('Ana');
  await ana.page.getByLabel('Password').fill('wrong password');
  await ana.page.getByRole('button', { name: 'Sign in' }).click();
  await expect(ana.page.getByRole('alert')).toContainText('wrong');
  await ana.page.getByLabel('Password').fill(PASSWORD);
  await ana.page.getByRole('button', { name: 'Sign in' }).click();
  await ana.signedIn('Ana');
});
