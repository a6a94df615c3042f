// Writes pictures of the page. `npm run screenshots` makes those of the README, in docs/images;
// `npm run screenshots -- FOLDER` makes one of every main state and of hard cases, to look at.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const [folder] = process.argv.slice(2);
const [what, where] =
  folder === undefined
    ? [['readme.ts'], resolve(import.meta.dirname, '../../docs/images')]
    : [['states.ts', 'hard.ts'], resolve(folder)];
const run = spawnSync('npx', ['playwright', 'test', '--config', 'screenshots.config.ts', ...what], {
  cwd: import.meta.dirname,
  env: { ...process.env, PLAZA_SHOTS: where },
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
