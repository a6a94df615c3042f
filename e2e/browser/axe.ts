// What axe-core finds wrong with a page as it stands.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from '@playwright/test';
import type { AxeResults, RunOptions } from 'axe-core';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const all: RunOptions = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  resultTypes: ['violations'],
};

const contrast: RunOptions = { runOnly: ['color-contrast'], resultTypes: ['violations'] };

/** One line for each element that breaks a rule; `colours`: of the rules that colours can break. */
export async function violations(page: Page, what: 'all' | 'colours' = 'all'): Promise<string[]> {
  // Evaluated by the debugger: a script element would be against the page's policy.
  await page.evaluate(source);
  const { violations: found } = await page.evaluate(
    (asked) => {
      const { axe } = globalThis as unknown as { axe: { run(options: unknown): Promise<AxeResults> } };
      return axe.run(asked);
    },
    what === 'all' ? all : contrast,
  );
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any }) => `${id} (${help}): ${target.join(' ')} ${any[0]?.message ?? ''}`),
  );
}
