// Redis and Plaza nodes as processes of their own, with data that is thrown away.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A port that nobody uses at the moment. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a program and waits for a line of its output that matches; returns its end and the match. */
export async function start(program, args, ready, options = {}) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const told = [];
  const matched = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        told.push(line);
        const match = ready.exec(line);
        if (match) resolve(match);
      });
    }
    child.on("error", reject);
    child.on("exit", (code, signal) =>
      reject(new Error(`${program} ended (${code ?? signal}) and said:\n${told.join("\n")}`)),
    );
  });
  const match = await matched;
  return {
    match,
    child,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function startServer(port, more) {
  const folder = mkdtempSync(join(tmpdir(), "plaza-cluster-"));
  const settings = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const redis = await start("redis-server", [...settings, ...more].map(String), /Ready to accept connections/);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      await redis.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One Redis server. */
export async function startRedis() {
  const redis = await startServer(await freePort(), []);
  return { ...redis, urls: [redis.url], isCluster: false };
}

/** A Redis Cluster of three masters. */
export async function startRedisCluster() {
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", 2000];
  const servers = [];
  while (servers.length < 3) {
    // The servers speak with each other on another port, which needs room above the first one.
    const port = await freePort();
    if (port < 50_000) servers.push(await startServer(port, [...settings, "--cluster-port", port + 10_000]));
  }
  const urls = servers.map(({ url }) => url);
  const addresses = urls.map((url) => new URL(url).host);
  const made = await start("redis-cli", ["--cluster", "create", ...addresses, "--cluster-yes"], /All 16384 slots covered/);
  await made.stop();
  return { url: urls[0], urls, isCluster: true, stop: () => Promise.all(servers.map(({ stop }) => stop())) };
}

/** The example `rooms`: what `PLAZA_ROOMS` names, or what was built last. */
function rooms() {
  const built = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/examples/rooms");
  const path = process.env.PLAZA_ROOMS ?? built;
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build -p plaza-bus --example rooms`);
  return path;
}

/** A Plaza node; with a name, sids begin with it and `_`. */
export async function startPlaza(redis, format, name) {
  const args = ["0", redis.isCluster ? "--cluster" : "--redis", redis.url, "--commands"];
  if (format === "classic") args.push("--classic");
  if (name) args.push("--name", name);
  const plaza = await start(rooms(), args, /^listening on (\S+)$/);
  return { url: `http://${plaza.match[1]}`, stop: plaza.stop };
}
