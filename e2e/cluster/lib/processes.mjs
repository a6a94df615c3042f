// Redis and Plaza nodes as processes of their own, with data that is thrown away.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
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
    told,
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

/** A Plaza node; with a name, sids begin with it and `_`. `more` are flags of the example. */
export async function startPlaza(redis, format, name, more = []) {
  const args = ["0", redis.isCluster ? "--cluster" : "--redis", redis.url, "--commands"];
  if (format === "classic") args.push("--classic");
  if (name) args.push("--name", name);
  args.push(...more);
  const plaza = await start(rooms(), args, /^listening on (\S+)$/);
  return { url: `http://${plaza.match[1]}`, stop: plaza.stop };
}

/** A PostgreSQL server, which refuses to be root's; for `PLAZA_STORE__URL`. */
export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), "plaza-cluster-pg-"));
  const versions = readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
  const programs = `/usr/lib/postgresql/${versions[0]}/bin`;
  const asPostgres = process.getuid() === 0 ? ["--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  if (asPostgres.length > 0) spawnSync("chown", ["postgres", folder]);
  const run = [...asPostgres, "--pdeathsig", "QUIT"];
  const data = join(folder, "data");
  const layout = ["-U", "plaza", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D", data];
  const made = spawnSync("setpriv", [...run, `${programs}/initdb`, ...layout], { cwd: folder, encoding: "utf8" });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const settings = ["listen_addresses=", "fsync=off", "full_page_writes=off"].flatMap((setting) => ["-c", setting]);
  const args = [...run, `${programs}/postgres`, "-D", data, "-k", folder, ...settings];
  const postgres = await start("setpriv", args, /ready to accept connections/, { cwd: folder });
  return {
    url: `postgres://plaza@localhost/postgres?host=${folder}`,
    async stop() {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The real `plaza`, as one of several nodes: what `PLAZA_BIN` names, or what was built last. */
export async function startPlazaServer(redis, postgres, format) {
  const built = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/plaza");
  const env = {
    ...process.env,
    PLAZA_STORE__URL: postgres.url,
    PLAZA_BUS__KIND: redis.isCluster ? "cluster" : "redis",
    PLAZA_BUS__URLS: redis.urls.join(","),
    PLAZA_BUS__MODE: format,
    PLAZA_METRICS__LISTEN: "127.0.0.1:0",
    // What one node gives out is good at the other.
    PLAZA_AUTH__SECRET: "of this test alone, and long enough for it",
  };
  const folder = mkdtempSync(join(tmpdir(), "plaza-cluster-"));
  const args = ["serve", "--listen", "127.0.0.1:0", "--data", folder];
  const plaza = await start(process.env.PLAZA_BIN ?? built, args, /watch +(http\S+)/, { env });
  const open = plaza.told.map((line) => /is open at (http\S+)$/.exec(line)).find(Boolean);
  return {
    url: open[1].replace(/\/$/, ""),
    /** A figure that it shows. */
    async figure(name) {
      const page = await (await fetch(plaza.match[1])).text();
      return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1]);
    },
    async stop() {
      await plaza.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
