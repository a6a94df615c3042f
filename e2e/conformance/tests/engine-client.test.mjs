// The official engine.io-client against the echo server: polling only, WebSocket only, upgrading.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Socket } from "engine.io-client";
import { collect, next, unless } from "../lib/deadline.mjs";
import { MODES } from "../lib/modes.mjs";
import { EchoServer } from "../lib/server.mjs";

const MAX_PAYLOAD = 1_000_000;

let server;
before(async () => {
  server = await EchoServer.start({ engine: true });
});
after(() => server?.kill());

function client(transports, to = server) {
  const socket = new Socket(to.url, { path: "/engine.io/", transports });
  socket.binaryType = "nodebuffer";
  return socket;
}

/** An open client; with `settle` one whose upgrade, if it makes one, is done. */
async function open(transports, { settle = true, to } = {}) {
  const socket = client(transports, to);
  const upgrade = settle && transports.length > 1 ? next(socket, "upgrade") : null;
  await next(socket, "open");
  await upgrade;
  return socket;
}

async function echo(socket, data) {
  const answer = next(socket, "message");
  socket.send(data);
  return (await answer)[0];
}

for (const [name, transports] of Object.entries(MODES)) {
  describe(`engine.io-client, ${name}`, () => {
    it("opens on the transport it asked for", async () => {
      const socket = await open(transports);
      assert.equal(socket.transport.name, transports.at(-1));
      assert.ok(socket.id.length >= 20);
      socket.close();
    });

    it("gets its text and binary back", async () => {
      const socket = await open(transports);
      for (const text of ["hello", "utf8 — string", "👩‍👩‍👧‍👦 💬", "日本語", "b64", "\n\t"]) {
        assert.equal(await echo(socket, text), text);
      }
      for (const bytes of [Buffer.from([0, 1, 254, 255]), randomBytes(100_000)]) {
        assert.ok(Buffer.from(await echo(socket, bytes)).equals(bytes));
      }
      socket.close();
    });

    it("gets a message back that nearly fills maxPayload, and binary likewise", async () => {
      const socket = await open(transports);
      const text = "x".repeat(MAX_PAYLOAD - 1);
      assert.equal(await echo(socket, text), text);
      // Base64 over polling makes four characters of three bytes.
      const bytes = randomBytes(transports.includes("websocket") ? MAX_PAYLOAD : MAX_PAYLOAD * 0.74);
      assert.ok(Buffer.from(await echo(socket, bytes)).equals(bytes));
      socket.close();
    });

    it("is closed above maxPayload", async () => {
      const socket = await open(transports);
      const closed = next(socket, "close");
      socket.send("x".repeat(MAX_PAYLOAD + 1));
      const [reason] = await closed;
      assert.ok(["transport error", "transport close"].includes(reason), reason);
    });

    it("gets many messages back in their order, from the first moment on", async () => {
      const socket = await open(transports, { settle: false });
      const sent = Array.from({ length: 600 }, (_, n) => (n % 5 === 0 ? Buffer.from([n >> 8, n & 255]) : `${n}`));
      const all = collect(socket, "message", sent.length);
      for (const data of sent.slice(0, 300)) socket.send(data);
      if (transports.length > 1) await next(socket, "upgrade");
      for (const data of sent.slice(300)) socket.send(data);
      assert.deepEqual((await all).map((data) => (typeof data === "string" ? data : Buffer.from(data))), sent);
      socket.close();
    });

    it("need not agree about compression", async () => {
      const socket = await open(transports);
      const text = "compressible ".repeat(1000);
      for (const compress of [true, false]) {
        const answer = next(socket, "message");
        socket.send(text, { compress });
        assert.equal((await answer)[0], text);
      }
      socket.close();
    });

    it("stays open over several heartbeats", async () => {
      const socket = await open(transports);
      let beats = 0;
      socket.on("ping", () => (beats += 1));
      const closed = next(socket, "close", 1700);
      await assert.rejects(closed, /no "close"/);
      assert.ok(beats >= 4, `${beats} heartbeats in 1.7 s`);
      assert.equal(await echo(socket, "alive"), "alive");
      socket.close();
    });

    it("closes by itself, and opens again as a new session", async () => {
      const first = await open(transports);
      const closed = next(first, "close");
      const { id } = first;
      first.close();
      assert.equal((await closed)[0], "forced close");
      const second = await open(transports);
      assert.notEqual(second.id, id);
      second.close();
    });

    it("hears that the server has gone", async () => {
      const mortal = await EchoServer.start({ engine: true });
      const socket = await open(transports, { to: mortal });
      const closed = next(socket, "close");
      await mortal.kill();
      const [reason] = await closed;
      assert.ok(["transport error", "transport close"].includes(reason), reason);
    });

    it("works for thirty clients at once", async () => {
      const one = async (number) => {
        const socket = client(transports);
        await unless(socket, "close", next(socket, "open"));
        const all = collect(socket, "message", 10);
        for (let n = 0; n < 10; n += 1) socket.send(`${number}/${n}`);
        assert.deepEqual(await unless(socket, "close", all), Array.from({ length: 10 }, (_, n) => `${number}/${n}`));
        socket.close();
      };
      await Promise.all(Array.from({ length: 30 }, (_, number) => one(number)));
    });
  });
}

describe("engine.io-client, upgrading", () => {
  it("loses nothing while it upgrades under a steady stream", async () => {
    const socket = await open(MODES.upgrading, { settle: false });
    const upgraded = next(socket, "upgrade");
    const seen = [];
    socket.on("message", (text) => seen.push(text));
    let sent = 0;
    let done = false;
    upgraded.then(() => (done = true), () => (done = true));
    while (!done) {
      socket.send(`${sent}`);
      sent += 1;
      await delay(1);
    }
    await upgraded;
    assert.equal(await new Promise((resolve) => {
      socket.on("message", (text) => text === "last" && resolve(text));
      socket.send("last");
    }), "last");
    assert.deepEqual(seen.slice(0, -1), Array.from({ length: sent }, (_, n) => `${n}`));
    socket.close();
  });

  it("stays on polling when told to remember no upgrade", async () => {
    const socket = await open(MODES["polling only"]);
    await assert.rejects(next(socket, "upgrade", 400), /no "upgrade"/);
    assert.equal(socket.transport.name, "polling");
    socket.close();
  });
});
