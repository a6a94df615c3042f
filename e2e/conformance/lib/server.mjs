// The echo server under test as a process of its own: started on a free port, stopped, killed, started again.
//
// Which server it is comes from PLAZA_ECHO: a path to the built example, beside which the others are, or `reference` for
// Node's own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const REFERENCE = fileURLToPath(new URL("../reference.mjs", import.meta.url));
const START_DEADLINE_MS = 20_000;

/** Whether the tests run against Node's own servers. */
export const isReference = process.env.PLAZA_ECHO === "reference";

export class EchoServer {
  #child = null;
  #flags;

  constructor(port, flags) {
    this.port = port;
    this.#flags = flags;
    this.url = `http://127.0.0.1:${port}`;
    this.wsUrl = `ws://127.0.0.1:${port}`;
  }

  /**
   * Starts an echo server on a free port and waits until it takes connections: with these of `engine`, `msgpack`, `deflate`
   * and `patient`. With `recovery` it is the application of that name.
   */
  static async start(options = {}) {
    const flags = Object.keys(options).filter((option) => options[option]).map((option) => `--${option}`);
    for (let attempt = 1; ; attempt += 1) {
      // Between finding a port and using it somebody else may take it.
      const server = new EchoServer(await freePort(), flags);
      try {
        await server.run();
        return server;
      } catch (error) {
        if (attempt === 3) throw error;
      }
    }
  }

  /** Starts the process (again) on the same port. */
  async run() {
    const [program, ...args] = this.#command();
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
    this.#child = child;
    const failed = once(child, "error").then(([error]) => Promise.reject(error));
    const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`the echo server ended: ${code}`)));
    failed.catch(() => {});
    ended.catch(() => {});
    await Promise.race([failed, ended, this.#listening()]);
  }

  #command() {
    const echo = process.env.PLAZA_ECHO;
    if (!echo) throw new Error("PLAZA_ECHO names no server: run `npm test` or `npm run test:reference`");
    if (isReference) return [process.execPath, REFERENCE, String(this.port), ...this.#flags];
    if (this.#flags.includes("--recovery")) return [join(dirname(echo), "recovery"), String(this.port)];
    return [echo, String(this.port), ...this.#flags];
  }

  /** Sends a signal to the process: SIGSTOP freezes it, SIGCONT lets it go on. */
  signal(name) {
    this.#child.kill(name);
  }

  /** Ends the process at once, as a crash would. */
  async kill() {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  /** Whether the process is still there. */
  get alive() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async #listening() {
    const deadline = Date.now() + START_DEADLINE_MS;
    for (;;) {
      if (await canConnect(this.port)) return;
      if (Date.now() > deadline) throw new Error(`nothing listens on port ${this.port}`);
      await delay(20);
    }
  }
}

function canConnect(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
