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

export async function startRedis() {
  const folder = mkdtempSync(join(tmpdir(), "plaza-cluster-"));
  const port = await freePort();
  const settings = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const redis = await start("redis-server", settings.map(String), /Ready to accept connections/);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      await redis.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The example `rooms`: what `PLAZA_ROOMS` names, or what was built last. */
function rooms() {
  const built = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/examples/rooms");
  const path = process.env.PLAZA_ROOMS ?? built;
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build -p plaza-bus --example rooms`);
  return path;
}

/** A Plaza node; with a name, sids begin with it and `_`. */
export async function startPlaza(redisUrl, format, name) {
  const args = ["0", "--redis", redisUrl, "--commands", ...(format === "classic" ? ["--classic"] : [])];
  if (name) args.push("--name", name);
  const plaza = await start(rooms(), args, /^listening on (\S+)$/);
  return { url: `http://${plaza.match[1]}`, stop: plaza.stop };
}
