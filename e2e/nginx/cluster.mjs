// Three nodes behind nginx, as `make cluster` starts them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const DEADLINE_MS = 90_000;

/** Waits until `holds` gives something, and gives that. */
export async function until(what, holds, ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited too long: ${what}`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

export async function startCluster(env = {}) {
  const PLAZA_BIN = process.env.PLAZA_BIN ?? `${root}target/debug/plaza`;
  const child = spawn(`${root}scripts/cluster`, { env: { ...process.env, PLAZA_BIN, ...env } });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    child[stream].setEncoding("utf8").on("data", (text) => (said[stream] += text));
  }
  const ended = once(child, "exit");
  let gone = false;
  ended.then(() => (gone = true));
  await until("the cluster's address", () => {
    if (gone) throw new Error(said.stderr);
    return said.stdout.includes("\n");
  });
  const folder = dirname(/log (\S+)/.exec(said.stderr)[1]);
  return {
    url: said.stdout.trim(),
    said,
    folder,
    /** Addresses by name. */
    nodes: Object.fromEntries([...said.stderr.matchAll(/node (\w+) is at (\S+),/g)].map(([, name, at]) => [name, at])),
    read: (file) => readFile(`${folder}/${file}`, "utf8"),
    /** Has a node stop, and waits until another process serves in its place. */
    async restart(name) {
      const before = (await this.read(`${name}.pid`)).trim();
      process.kill(Number(before), "SIGTERM");
      await until(`another process for ${name}`, async () => (await this.read(`${name}.pid`)).trim() !== before);
      await until(`node ${name} to be ready`, () => fetch(`${this.nodes[name]}/readyz`).then(({ ok }) => ok, () => false));
    },
    /** Without a word. */
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    /** Ctrl-C; the exit status. */
    async stop() {
      child.kill("SIGINT");
      const [status] = await ended;
      if (existsSync(folder)) throw new Error(`${folder} stays behind`);
      return status;
    },
  };
}
