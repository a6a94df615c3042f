// The official socket.io-client against the echo server: polling only, WebSocket only, upgrading.
//
// Connecting, events, acknowledgements, binary, order and size. What happens when a connection is lost is in
// socket-reconnect.test.mjs.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Manager, io } from "socket.io-client";
import { collect, next, unless, within } from "../lib/deadline.mjs";
import { MODES } from "../lib/modes.mjs";
import { EchoServer } from "../lib/server.mjs";

let server;
before(async () => {
  server = await EchoServer.start({ patient: true });
});
after(() => server?.kill());

const ARGUMENTS = {
  none: [],
  text: ["hello"],
  "several kinds": [1, "2", true, null, -1.5, { 3: [false] }],
  nested: [{ a: { b: [{ c: [[[]]] }, {}] } }, []],
  unicode: ["utf8 — string", { 日本語: "👩‍👩‍👧‍👦 💬" }, "\u2028\u0000"],
  binary: [Buffer.from([0, 1, 254, 255])],
  "binary inside": [{ file: { name: "a", parts: [Buffer.from("one"), Buffer.alloc(0)] } }, "and", Buffer.from("two")],
  "much binary": [randomBytes(200_000), { more: randomBytes(100_000) }],
};

for (const [name, transports] of Object.entries(MODES)) {
  const open = (path = "/", options = {}) =>
    io(`${server.url}${path}`, { transports, forceNew: true, reconnection: false, ...options });

  /** A connected socket whose `auth` event has come and whose upgrade, if it makes one, is done. */
  async function connected(path, options) {
    const socket = open(path, options);
    const upgrade = transports.length > 1 ? within(upgraded(socket), "upgrade") : null;
    const auth = next(socket, "auth");
    await next(socket, "connect");
    await auth;
    await upgrade;
    return socket;
  }

  const upgraded = (socket) => new Promise((resolve) => {
    socket.io.on("open", () => socket.io.engine.once("upgrade", resolve));
  });

  describe(`socket.io-client, ${name}`, () => {
    it("connects, with a sid of its own", async () => {
      const socket = await connected();
      assert.match(socket.id, /^[A-Za-z0-9_-]{20}$/);
      assert.notEqual(socket.id, socket.io.engine.id);
      assert.ok(!socket.recovered);
      assert.equal(socket.io.engine.transport.name, transports.at(-1));
      socket.disconnect();
    });

    it("gets its auth payload back, an object or from a function, or none", async () => {
      for (const [auth, expected] of [
        [undefined, {}],
        [{ token: "123", nested: { list: [1, "é"] } }, { token: "123", nested: { list: [1, "é"] } }],
        [(done) => done({ token: "late" }), { token: "late" }],
      ]) {
        const socket = open("/", { auth });
        assert.deepEqual(await next(socket, "auth"), [expected]);
        socket.disconnect();
      }
    });

    it("shares one connection between namespaces", async () => {
      const manager = new Manager(server.url, { transports, reconnection: false });
      const [main, custom] = [manager.socket("/"), manager.socket("/custom", { auth: { token: "abc" } })];
      const [mainAuth, customAuth] = await Promise.all([next(main, "auth"), next(custom, "auth")]);
      assert.deepEqual([mainAuth, customAuth], [[{}], [{ token: "abc" }]]);
      assert.notEqual(main.id, custom.id);
      main.disconnect();
      assert.deepEqual(await custom.emitWithAck("message-with-ack", 1), 1);
      custom.disconnect();
    });

    it("is refused in an unknown namespace by the official words", async () => {
      const socket = open("/unknown");
      const [error] = await next(socket, "connect_error");
      assert.equal(error.message, "Invalid namespace");
      assert.equal(error.data, undefined);
      socket.disconnect();
    });

    for (const path of ["/", "/custom"]) {
      it(`gets events back unchanged in ${path}`, async () => {
        const socket = await connected(path);
        for (const [what, args] of Object.entries(ARGUMENTS)) {
          const back = next(socket, "message-back");
          socket.emit("message", ...args);
          assert.deepEqual(await back, args, what);
        }
        socket.disconnect();
      });

      it(`gets acknowledgements with the same arguments in ${path}`, async () => {
        const socket = await connected(path);
        for (const [what, args] of Object.entries(ARGUMENTS)) {
          const ack = new Promise((resolve) => socket.emit("message-with-ack", ...args, (...back) => resolve(back)));
          assert.deepEqual(await within(ack, "acknowledgement"), args, what);
        }
        socket.disconnect();
      });
    }

    it("waits in vain for what nobody acknowledges, and goes on", async () => {
      const socket = await connected();
      await assert.rejects(socket.timeout(200).emitWithAck("nobody listens", 1), /timed out/);
      assert.equal(await socket.timeout(2000).emitWithAck("message-with-ack", "on"), "on");
      socket.disconnect();
    });

    it("gets a thousand pipelined acknowledgements in order", async () => {
      const socket = await connected();
      const order = [];
      const sends = Array.from({ length: 1000 }, (_, n) =>
        socket.emitWithAck("message-with-ack", n).then((back) => order.push(back)),
      );
      await within(Promise.all(sends), "thousand acknowledgements");
      assert.deepEqual(order, Array.from({ length: 1000 }, (_, n) => n));
      socket.disconnect();
    });

    it("gets what it emitted before it was connected, in order, binary between", async () => {
      const socket = open();
      const sent = Array.from({ length: 300 }, (_, n) => (n % 7 === 0 ? Buffer.from([n >> 8, n & 255]) : n));
      const back = collect(socket, "message-back", sent.length);
      for (const value of sent) socket.emit("message", value);
      assert.deepEqual(await back, sent);
      socket.disconnect();
    });

    it("need not agree about compression or volatility", async () => {
      const socket = await connected();
      const text = "compressible ".repeat(1000);
      for (const emitter of [socket.compress(true), socket.compress(false), socket.volatile]) {
        const back = next(socket, "message-back");
        emitter.emit("message", text);
        assert.deepEqual(await back, [text]);
      }
      socket.disconnect();
    });

    it("gets large messages back, and is closed above maxPayload", async () => {
      const socket = await connected();
      const text = "x".repeat(990_000);
      assert.equal(await within(socket.emitWithAck("message-with-ack", text), "acknowledgement"), text);
      const gone = next(socket, "disconnect");
      socket.emit("message", `${text}${text}`);
      const [reason] = await gone;
      assert.ok(["transport error", "transport close"].includes(reason), reason);
    });

    it("stays connected over several heartbeats, and says why it leaves", async () => {
      const socket = await connected();
      await assert.rejects(next(socket, "disconnect", 1700), /no "disconnect"/);
      const gone = next(socket, "disconnect");
      socket.disconnect();
      assert.equal((await gone)[0], "io client disconnect");
    });

    it("leaves and joins again over one connection", async () => {
      const socket = await connected();
      const { id } = socket;
      const other = socket.io.socket("/custom");
      await next(other, "auth");
      const { engine } = socket.io;
      socket.disconnect();
      // The answer in the other namespace says that the leaving is done.
      await other.emitWithAck("message-with-ack", 1);
      const again = next(socket, "auth");
      socket.connect();
      await again;
      assert.notEqual(socket.id, id);
      assert.equal(socket.io.engine, engine);
      assert.equal(await socket.emitWithAck("message-with-ack", 1), 1);
      socket.disconnect();
      other.disconnect();
    });

    it("works for thirty clients at once", async () => {
      const one = async (number) => {
        const socket = open(number % 2 ? "/" : "/custom", { auth: { number } });
        assert.deepEqual(await unless(socket, "disconnect", next(socket, "auth")), [{ number }]);
        const back = collect(socket, "message-back", 10);
        for (let n = 0; n < 10; n += 1) socket.emit("message", `${number}/${n}`);
        const expected = Array.from({ length: 10 }, (_, n) => `${number}/${n}`);
        assert.deepEqual(await unless(socket, "disconnect", back), expected);
        socket.disconnect();
      };
      await Promise.all(Array.from({ length: 30 }, (_, number) => one(number)));
    });
  });
}
