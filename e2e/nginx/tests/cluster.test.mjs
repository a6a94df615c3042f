// The official client through nginx: sessions find their node, and nodes that are restarted one after the other are not noticed.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { io } from "socket.io-client";
import { startCluster, until } from "../cluster.mjs";

/** A guest, and everything that went wrong for them. */
class Guest {
  errors = [];
  nodes = new Set();
  seen = [];
  #token;

  constructor(url, name, transports) {
    const auth = (give) => give(this.#token ? { token: this.#token } : { guest: name });
    this.socket = io(url, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, auth });
    this.socket.on("session", ({ node, token }) => {
      this.nodes.add(node);
      this.#token = token ?? this.#token;
    });
    this.socket.on("message", ({ seq, body }) => this.seen.push({ seq, text: body.text }));
    this.socket.on("connect_error", (error) => this.errors.push(`${error.message} ${error.context?.responseText ?? ""}`));
  }

  async ask(event, request) {
    const answer = await this.socket.timeout(10_000).emitWithAck(event, request);
    if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
    return answer;
  }

  /** Sends until it is acknowledged; how often that took another try. */
  async say(roomId, text) {
    const message = { roomId, clientId: randomUUID(), kind: "text", body: { text } };
    for (let tries = 0; ; tries++) {
      try {
        return { tries, seq: (await this.ask("message:send", message)).seq };
      } catch (error) {
        if (error.code && !error.retryable) throw error;
        await new Promise((wake) => setTimeout(wake, 50));
      }
    }
  }
}

/** A room's messages as they are in its log, and that its positions have no hole. */
async function log(guest, roomId) {
  const messages = new Map();
  for (let after = 0, more = true; more; ) {
    const page = await guest.ask("room:history", { roomId, after, limit: 100 });
    for (const event of page.events) {
      assert.equal(event.seq, after + 1);
      after = event.seq;
      if (event.type === "message") messages.set(event.seq, event.body.text);
    }
    more = page.more;
  }
  return messages;
}

let cluster;
const here = [];
before(async () => {
  cluster = await startCluster({ PLAZA_SERVER__DRAIN__SPREAD_MS: "500" });
});
after(async () => {
  if (!cluster) return;
  assert.equal(await cluster.stop(), 130, cluster.said.stderr);
  assert.match(cluster.said.stdout, /^http:\/\/127\.0\.0\.1:\d+\n$/, "one address, and nothing else");
});

// What is left would try to come back for ever.
afterEach(() => here.splice(0).forEach(({ socket }) => socket.disconnect()));

/** Some guests in a room. */
async function guests(roomId, transports, number) {
  const all = Array.from({ length: number }, (_, at) => new Guest(cluster.url, `${roomId}${at}`, transports(at)));
  here.push(...all);
  await until("all to be there", () => all.every(({ socket, nodes }) => socket.connected && nodes.size));
  for (const guest of all) await guest.ask("room:join", { roomId });
  return all;
}

describe("three nodes behind nginx", () => {
  it("keep the sessions of those who only poll, on all nodes, and everybody sees one order", async () => {
    const all = await guests("polling", () => ["polling"], 12);
    const sent = await Promise.all(
      all.flatMap((guest, at) => Array.from({ length: 15 }, (_, number) => guest.say("polling", `${at}/${number}`))),
    );
    assert.equal(sent.filter(({ tries }) => tries > 0).length, 0, "nobody had to send again");
    await until("everybody to see everything", () => all.every(({ seen }) => seen.length === 180), 20_000);
    for (const { seen } of all) assert.deepEqual(seen, all[0].seen);
    assert.deepEqual(all[0].seen.map(({ seq }) => seq), sent.map(({ seq }) => seq).sort((a, b) => a - b));
    assert.deepEqual(all.flatMap(({ errors }) => errors), []);
    assert.deepEqual([...new Set(all.flatMap(({ nodes }) => [...nodes]))].sort(), ["a", "b", "c"]);
    const access = await cluster.read("access.log");
    assert.ok(access.split("\n").length > 100 && !access.includes("sid="), "the log knows requests and no session");
    const refused = access.split("\n").filter((line) => /\/socket\.io\/ [45]\d\d /.test(line));
    assert.deepEqual(refused, [], "Session ID unknown, or worse");
  });

  it("say of a session that is not theirs that it is not, and whose theirs are", async () => {
    const poll = (at, sid = "", options = {}) =>
      fetch(`${at}/socket.io/?EIO=4&transport=polling${sid && `&sid=${sid}`}`, options);
    const sid = JSON.parse((await (await poll(cluster.nodes.a)).text()).slice(1)).sid;
    assert.match(sid, /^a_.{20,}$/);
    const there = await poll(cluster.url, sid, { method: "POST", body: '40{"guest":"polls"}' });
    assert.equal(await there.text(), "ok", "nginx brings it to its node");
    for (const [at, reason] of [[cluster.nodes.b, /begin with "b_"/], [cluster.url, undefined]]) {
      const astray = await poll(at, at === cluster.url ? "gone_0123456789abcdefghij" : sid);
      const { code, message, ...rest } = await astray.json();
      assert.deepEqual([astray.status, code, message], [400, 1, "Session ID unknown"]);
      if (reason) assert.match(rest.reason, reason);
    }
  });

  it("are restarted one after the other while people talk, and nobody sees an error", async () => {
    const all = await guests("rolling", (at) => (at % 2 ? ["polling"] : ["websocket"]), 12);
    let over = false;
    const sent = [];
    const talking = all.map(async (guest, at) => {
      for (let number = 0; !over; number++) {
        const text = `${at}/${number}`;
        sent.push({ text, ...(await guest.say("rolling", text)) });
        await new Promise((wake) => setTimeout(wake, 20));
      }
    });
    for (const name of Object.keys(cluster.nodes)) {
      await cluster.restart(name);
      const count = sent.length;
      await until("more to be sent", () => sent.length > count + 100);
    }
    over = true;
    await Promise.all(talking);
    const stored = await log(all[0], "rolling");
    assert.equal(stored.size, sent.length, "each once");
    for (const { seq, text } of sent) assert.equal(stored.get(seq), text);
    assert.deepEqual(all.flatMap(({ errors }) => errors), []);
    assert.ok(all.every(({ nodes }) => nodes.size > 1), "everybody was moved");
    const again = sent.filter(({ tries }) => tries > 0).length;
    console.log(`restarted: ${sent.length} messages, of which ${again} were sent more than once; every one is there once`);
  });

  it("go on where one is killed: its clients are at the others, and what was acknowledged is there once", async () => {
    const all = await guests("killed", (at) => (at % 2 ? ["polling"] : ["websocket"]), 12);
    const sent = [];
    const talk = (from, to) =>
      Promise.all(
        all.map(async (guest, at) => {
          for (let number = from; number < to; number++) {
            sent.push({ text: `${at}/${number}`, ...(await guest.say("killed", `${at}/${number}`)) });
          }
        }),
      );
    const talking = talk(0, 60);
    await until("some to be sent", () => sent.length > 50);
    const before = await cluster.read("b.pid");
    process.kill(Number(before), "SIGKILL");
    await talking;
    await until("another process for b", async () => (await cluster.read("b.pid")) !== before);
    await talk(60, 70);
    assert.ok(all.every(({ socket }) => socket.connected));
    const stored = await log(all[0], "killed");
    assert.equal(stored.size, sent.length, "each once");
    for (const { seq, text } of sent) assert.equal(stored.get(seq), text);
  });
});

describe("a cluster whose script is killed", () => {
  it("leaves nothing behind", async () => {
    const killed = await startCluster();
    const pids = await Promise.all(["a.pid", "b.pid", "c.pid", "nginx.pid"].map((file) => killed.read(file)));
    await killed.kill();
    const gone = (pid) => {
      try {
        // A zombie is dead: whoever adopts it has yet to look.
        return /^State:\s+Z/m.test(readFileSync(`/proc/${pid.trim()}/status`, "utf8"));
      } catch {
        return true;
      }
    };
    await until("its processes to end", () => pids.every(gone), 40_000);
    await until("its folder to go", () => !existsSync(killed.folder), 20_000);
  });
});
