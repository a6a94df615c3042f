// The real `plaza`, started, killed and started again by a test.

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { io, type Socket } from 'socket.io-client';
import { PASSWORD } from './person';

export const binary = resolve(process.env.PLAZA_BIN ?? join(import.meta.dirname, '../../target/debug/plaza'));
const START_MS = 20_000;

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Calls until it gives something, or the time is over. */
export async function until<T>(what: string, ms: number, check: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await check().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

export class Plaza {
  readonly url: string;
  output = '';
  #port: number;
  #data: string;
  #process: ChildProcess | undefined;

  /** By their names in the environment; what is changed holds from the next start. */
  readonly settings: Record<string, string>;

  private constructor(port: number, data: string, settings: Record<string, string>) {
    this.settings = settings;
    this.#port = port;
    this.#data = data;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** On a free port, with a data folder of its own. */
  static async start(settings: Record<string, string> = {}): Promise<Plaza> {
    const plaza = new Plaza(await freePort(), await mkdtemp(join(tmpdir(), 'plaza-browser-')), settings);
    await plaza.start();
    return plaza;
  }

  /** (Again) on the same port and the same data. */
  async start(): Promise<void> {
    const args = ['serve', '--listen', `127.0.0.1:${this.#port}`, '--data', this.#data];
    const env = { ...process.env, ...this.settings };
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#process = child;
    child.stdout.on('data', (text: Buffer) => (this.output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (this.output += text.toString()));
    let failed: string | undefined;
    child.once('error', (error) => (failed = error.message));
    child.once('exit', (code, signal) => (failed = `ended with ${code ?? signal}`));
    await until(`plaza at ${this.url} is healthy`, START_MS, async () => {
      if (failed !== undefined) return false;
      const { ok } = await fetch(`${this.url}/health`);
      return ok || undefined;
    });
    if (failed !== undefined) throw new Error(`plaza ${failed}:\n${this.output}`);
  }

  /** What `plaza admin` prints, beside the server that runs. */
  admin(...args: string[]): Promise<string> {
    return this.#run('admin', ...args);
  }

  /** Copies the data while it is used. */
  backup(): Promise<string> {
    return this.#run('backup', this.#backup);
  }

  /** Makes what a room holds up to a position as old as that. No server runs. */
  async age(roomId: string, upto: number, days: number): Promise<void> {
    const script = [
      'import sqlite3, sys',
      'path, room, upto, days = sys.argv[1:]',
      'with sqlite3.connect(path) as store:',
      '    older = "UPDATE events SET at = at - ? WHERE room_id = ? AND seq <= ?"',
      '    store.execute(older, (int(days) * 86_400_000, room, int(upto)))',
    ];
    const path = join(this.#data, 'plaza.db');
    await promisify(execFile)('python3', ['-c', script.join('\n'), path, roomId, `${upto}`, `${days}`]);
  }

  /** Puts what `backup` copied in the place of the data. No server runs. */
  restore(): Promise<string> {
    return this.#run('restore', '--force', this.#backup);
  }

  get #backup(): string {
    return join(this.#data, 'backup.db');
  }

  async #run(command: string, ...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(binary, [command, '--data', this.#data, ...args]);
    return stdout;
  }

  /** No goodbye: SIGKILL. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** With a goodbye: SIGTERM. */
  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    await rm(this.#data, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** A room's whole log, over REST. */
  async log(roomId: string, token: string): Promise<LogEvent[]> {
    const events: LogEvent[] = [];
    for (let after = 0; ;) {
      const path = `/api/v1/rooms/${encodeURIComponent(roomId)}/events?after=${after}&limit=200`;
      const response = await fetch(this.url + path, { headers: { authorization: `Bearer ${token}` } });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      const page = (await response.json()) as { events: LogEvent[]; more: boolean };
      events.push(...page.events);
      after = events.at(-1)?.seq ?? 0;
      if (!page.more) return events;
    }
  }

  /** Another client of this person's, all caught up. */
  async connect(name: string, password = PASSWORD): Promise<Socket> {
    const socket = io(this.url, { auth: { token: await this.logIn(name, password) } });
    await new Promise((resumed) => socket.once('resumed', resumed));
    return socket;
  }

  async logIn(name: string, password: string): Promise<string> {
    const response = await fetch(`${this.url}/api/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, password }),
    });
    if (!response.ok) throw new Error(`login: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { accessToken: string }).accessToken;
  }
}

export interface LogEvent {
  type: string;
  seq: number;
  clientId?: string;
  sender?: { name: string };
  body?: { text: string };
}
