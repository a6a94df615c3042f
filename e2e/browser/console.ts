// `plaza chat URL`, typed into by a test.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { binary, until } from './plaza';

export class Console {
  output = '';
  #process: ChildProcess;

  constructor(url: string) {
    const env = { ...process.env, NO_COLOR: '1' };
    this.#process = spawn(binary, ['chat', url], { stdio: ['pipe', 'pipe', 'pipe'], env });
    const take = (text: Buffer) => (this.output += text.toString());
    this.#process.stdout?.on('data', take);
    this.#process.stderr?.on('data', take);
  }

  type(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  async says(text: string, ms = 20_000): Promise<void> {
    await until(`the console says "${text}"; it said:\n${this.output}`, ms, () =>
      Promise.resolve(this.output.includes(text) || undefined),
    );
  }

  /** The messages of a room, in the order they were printed. */
  messages(room: string): string[] {
    const said = `Message from ${room} ==> `;
    return this.output.split('\n').flatMap((line) => {
      const at = line.indexOf(said);
      return at < 0 ? [] : [line.slice(at + said.length)];
    });
  }

  /** Ends it as the end of its input does; gives its exit code. */
  async end(): Promise<number | null> {
    if (this.#process.exitCode !== null) return this.#process.exitCode;
    const ended = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await ended;
    return this.#process.exitCode;
  }

  kill(): void {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
  }
}
