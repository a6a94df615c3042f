// Takes the pictures, in light, dark and narrow.

import { join } from 'node:path';
import type { Page } from '@playwright/test';

const folder = process.env.PLAZA_SHOTS ?? 'shots-out';
export const narrow = { width: 360, height: 740 };
export const wide = { width: 1280, height: 800 };

export async function shoot(page: Page, name: string): Promise<void> {
  // Nothing is under the mouse.
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
}

export async function everyWay(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light' });
  await shoot(page, `${name}-light`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, `${name}-dark`);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(narrow);
  await shoot(page, `${name}-narrow`);
  await page.setViewportSize(wide);
}
