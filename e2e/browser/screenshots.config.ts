// Pictures, not tests: see screenshots.mjs.
import { defineConfig } from '@playwright/test';
import tests from './playwright.config';

export default defineConfig({
  ...tests,
  testDir: 'shots',
  testMatch: ['states.ts', 'hard.ts', 'readme.ts'],
  workers: 1,
  timeout: 120_000,
});
