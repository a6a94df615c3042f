// The real `plaza` on a free port, with data of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const START_MS = 20_000;
export const root = fileURLToPath(new URL("../../", import.meta.url));
const binary = process.env.PLAZA_BIN ?? `${root}target/debug/plaza`;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Starts it; `stop` ends it and waits. */
export async function startPlaza() {
  const data = await mkdtemp(join(tmpdir(), "plaza-api-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const env = { ...process.env, PLAZA_STORE__DURABILITY: "none" };
  const child = spawn(binary, ["serve", "--listen", new URL(url).host, "--data", data], { env, stdio: "ignore" });
  const ended = once(child, "exit");
  let gone = false;
  ended.then(() => (gone = true));
  const until = Date.now() + START_MS;
  while (!(await fetch(`${url}/health`).then(({ ok }) => ok, () => false))) {
    if (gone || Date.now() > until) throw new Error(`plaza did not start: ${binary}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  return { url, stop };
}

/** An account's access token. */
export async function register(url, name) {
  const response = await fetch(`${url}/api/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, password: "a long password" }),
  });
  if (response.status !== 201) throw new Error(await response.text());
  return (await response.json()).accessToken;
}
