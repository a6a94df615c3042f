// What comes while one looks elsewhere: told outside the page where that was allowed, by whichever browser.

import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures';

/** Notifications that are noted down, or refused as Chrome on Android refuses them; and a page nobody looks at. */
const unseen = (works: boolean) => async (page: Page) => {
  await page.addInitScript((works) => {
    const told: string[] = [];
    class Noted {
      static permission = 'default';
      static requestPermission(): Promise<string> {
        Noted.permission = 'granted';
        return Promise.resolve('granted');
      }
      constructor(title: string, { body }: { body: string }) {
        if (!works) throw new TypeError("Failed to construct 'Notification': Illegal constructor.");
        told.push(`${title}: ${body}`);
      }
    }
    Object.assign(globalThis, { Notification: Noted, told });
    document.hasFocus = () => false;
  }, works);
};
const told = (page: Page) => page.evaluate(() => (globalThis as unknown as { told: string[] }).told);

for (const works of [true, false]) {
  const title = works
    ? 'direct messages and one’s name are told outside the page, and nothing else is'
    : 'a browser that refuses to notify shows the message all the same';
  test(title, async ({ person }) => {
    const ana = await person({ before: unseen(works) });
    await ana.register('Ana');
    await ana.settings();
    await ana.page.getByRole('button', { name: 'Allow notifications' }).click();
    await expect(ana.page.getByText('Notifications outside the page are on.')).toBeVisible();
    await ana.page.getByRole('link', { name: 'Back to rooms' }).click();
    await ana.joinPublic('general');
    const ben = await person();
    await ben.register('Ben');
    await ben.joinPublic('general');
    await ben.write('to nobody');
    await ben.write('is ana there?');
    await ben.write('and the last');
    await ana.sees('and the last');
    expect(await told(ana.page)).toEqual(works ? ['Ben in general: is ana there?'] : []);
  });
}
