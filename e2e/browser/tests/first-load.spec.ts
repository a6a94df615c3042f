// What one waits for on coming here: all that the first page loads, as it would travel compressed.

import { gzipSync } from 'node:zlib';
import { expect, test } from '../fixtures';

const MOST_BYTES = 120 * 1024;

test('the first load is at most 120 kB', async ({ person }) => {
  const sizes = new Map<string, number>();
  const ana = await person({
    before: async (page) => {
      page.on('response', async (response) => {
        const { pathname } = new URL(response.url());
        if (!response.ok()) return;
        sizes.set(pathname, gzipSync(await response.body()).length);
      });
      await Promise.resolve();
    },
  });
  await expect(ana.page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await ana.page.waitForLoadState('networkidle');
  expect([...sizes.keys()].some((path) => path.endsWith('.js'))).toBe(true);
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  expect(bytes, JSON.stringify([...sizes])).toBeLessThanOrEqual(MOST_BYTES);
});
