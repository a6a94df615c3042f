// What is written without a connection is sent later, once: by this tab, by another, or by a page opened after.

import { expect, test } from '../fixtures';
import { PASSWORD, stored } from '../person';
import type { Plaza } from '../plaza';

async function texts(plaza: Plaza): Promise<string[]> {
  const log = await plaza.log('general', await plaza.logIn('Ana', PASSWORD));
  return log.flatMap(({ type, body }) => (type === 'message' ? [body?.text ?? ''] : []));
}

test('written offline, the tab closed, opened again: sent once, in order', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.write('before');
  await expect(ana.message('before')).toHaveAttribute('data-state', 'sent');
  const context = ana.page.context();
  await context.setOffline(true);
  await expect(ana.banner).toContainText('Reconnecting');
  for (const text of ['one', 'two', 'three']) await ana.write(text);
  await expect(ana.timeline.locator('li[data-state="queued"]')).toHaveCount(3);
  await expect.poll(async () => (await stored(ana.page)).length).toBe(3);
  await ana.page.close();
  await context.setOffline(false);
  expect(await texts(plaza)).toEqual(['before']);

  // Where the page is opened does not matter: nobody looks at that room.
  const later = await context.newPage();
  await later.goto('/');
  await expect.poll(() => texts(plaza)).toEqual(['before', 'one', 'two', 'three']);
  await expect.poll(() => stored(later)).toEqual([]);
  await later.getByRole('navigation', { name: 'Rooms' }).getByRole('link', { name: 'general' }).click();
  const rows = later.getByRole('log').locator('li .text');
  await expect(rows).toHaveText(['before', 'one', 'two', 'three']);
  await expect(later.getByRole('log').locator('li[data-state="sent"]')).toHaveCount(4);
});

test('of two tabs, the one that is left sends what the other wrote', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const other = await ana.page.context().newPage();
  await other.goto('/room/general');
  await expect(other.getByRole('log')).toBeVisible();
  for (const [page, text] of [
    [ana.page, 'from the first'],
    [other, 'from the second'],
    [ana.page, 'the first again'],
  ] as const) {
    await page.getByRole('textbox', { name: 'Message general' }).fill(text);
    await page.getByRole('textbox', { name: 'Message general' }).press('Enter');
    for (const each of [ana.page, other]) {
      const row = each.getByRole('log').locator('li', { hasText: text });
      await expect(row).toHaveAttribute('data-state', 'sent');
    }
  }
  await plaza.kill();
  await expect(ana.banner).toContainText('Reconnecting');
  await ana.write('left behind');
  await expect(other.getByRole('log').getByText('left behind')).toBeVisible();
  await ana.page.close();
  await plaza.start();
  await expect(other.getByRole('log').locator('li', { hasText: 'left behind' })).toHaveAttribute(
    'data-state',
    'sent',
    { timeout: 30_000 },
  );
  expect(await texts(plaza)).toEqual(['from the first', 'from the second', 'the first again', 'left behind']);
});
