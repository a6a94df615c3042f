// Writes pictures of the page's main states: `npm run screenshots -- FOLDER`.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const folder = process.argv[2];
if (folder === undefined) {
  console.error('Usage: npm run screenshots -- FOLDER');
  process.exit(2);
}
const env = { ...process.env, PLAZA_SHOTS: resolve(folder) };
const run = spawnSync('npx', ['playwright', 'test', '--config', 'screenshots.config.ts'], {
  cwd: import.meta.dirname,
  env,
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
