// The official socket.io-client with the official socket.io-msgpack-parser.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { io } from "socket.io-client";
import * as parser from "socket.io-msgpack-parser";
import { collect, next } from "../lib/deadline.mjs";
import { MODES } from "../lib/modes.mjs";
import { EchoServer } from "../lib/server.mjs";

let server;
before(async () => {
  server = await EchoServer.start({ msgpack: true, patient: true });
});
after(() => server?.kill());

const ARGUMENTS = {
  none: [],
  text: ["hello", "x".repeat(31), "x".repeat(32), "x".repeat(300), "x".repeat(70_000)],
  "several kinds": [1, "2", true, null, -1.5, { 3: [false] }],
  "numbers of every size": [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 0.1, 1e-300],
  "numbers below zero": [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 53) + 1],
  "long arrays and objects": [
    Array.from({ length: 300 }, (_, n) => n),
    Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`key ${n}`, n])),
  ],
  nested: [{ a: { b: [{ c: [[[]]] }, {}] } }, []],
  unicode: ["utf8 — string", { 日本語: "👩‍👩‍👧‍👦 💬" }, "\u2028\u0000\"\\\n"],
  binary: [Buffer.from([0, 1, 254, 255])],
  "binary inside": [{ file: { name: "a", parts: [Buffer.from("one"), Buffer.alloc(0)] } }, "and", Buffer.from("two")],
  "much binary": [randomBytes(200_000), { more: randomBytes(100_000) }],
};

for (const [name, transports] of Object.entries(MODES)) {
  describe(`socket.io-client with the msgpack parser, ${name}`, () => {
    async function connected(path = "/", options = {}) {
      const socket = io(`${server.url}${path}`, { transports, parser, forceNew: true, reconnection: false, ...options });
      const auth = next(socket, "auth");
      await next(socket, "connect");
      return [socket, await auth];
    }

    it("connects and gets its auth back", async () => {
      for (const auth of [undefined, { token: "123", nested: { list: [1, "é"] } }]) {
        const [socket, got] = await connected("/custom", { auth });
        assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/);
        assert.deepEqual(got, [auth ?? {}]);
        socket.disconnect();
      }
    });

    it("is refused by name", async () => {
      const socket = io(`${server.url}/random`, { transports, parser, forceNew: true, reconnection: false });
      const [error] = await next(socket, "connect_error");
      assert.equal(error.message, "Invalid namespace");
      socket.disconnect();
    });

    for (const [what, sent] of Object.entries(ARGUMENTS)) {
      it(`has ${what} echoed and acknowledged`, async () => {
        const [socket] = await connected();
        const back = next(socket, "message-back");
        socket.emit("message", ...sent);
        assert.deepEqual(await back, sent);
        const answer = new Promise((resolve) => socket.emit("message-with-ack", ...sent, (...got) => resolve(got)));
        assert.deepEqual(await answer, sent);
        socket.disconnect();
      });
    }

    it("answers what it is asked, with bytes", async () => {
      const [socket] = await connected();
      socket.on("question", (answer) => answer(Buffer.from("answer")));
      await socket.emitWithAck("join", "asked");
      const asked = new Promise((resolve) => socket.emit("ask-all", "asked", 4000, (...got) => resolve(got)));
      const [complete, [answer]] = await asked;
      assert.ok(complete);
      assert.ok(answer !== undefined);
      socket.disconnect();
    });

    it("keeps a thousand events in order", async () => {
      const [socket] = await connected();
      const back = collect(socket, "message-back", 1000, 10_000);
      for (let n = 0; n < 1000; n += 1) socket.emit("message", n);
      assert.deepEqual(await back, Array.from({ length: 1000 }, (_, n) => n));
      socket.disconnect();
    });

    it("leaves a namespace and comes back", async () => {
      const [socket] = await connected("/custom");
      socket.disconnect();
      socket.connect();
      await next(socket, "auth");
      assert.equal(await socket.emitWithAck("message-with-ack", 7), 7);
      socket.disconnect();
    });
  });
}
