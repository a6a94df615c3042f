// Engine.IO v4 over WebSocket, frame by frame, and the upgrade from polling done by hand.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { EchoServer } from "../lib/server.mjs";
import { WireSocket } from "../lib/wire.mjs";

const MAX_PAYLOAD = 1_000_000;

let server;
before(async () => {
  server = await EchoServer.start({ engine: true });
});
after(() => server?.kill());

const open = (options) => WireSocket.open(server, options);

describe("handshake over WebSocket", () => {
  it("opens with the five fields and no upgrades", async () => {
    const socket = await open();
    const { sid, ...rest } = socket.handshake;
    assert.ok(sid.length >= 20);
    assert.deepEqual(rest, { upgrades: [], pingInterval: 300, pingTimeout: 200, maxPayload: MAX_PAYLOAD });
    socket.close();
  });

  it("closes on a missing or unknown EIO", async () => {
    for (const EIO of [null, "abc", "3"]) {
      await WireSocket.to(server, { parameters: { EIO } }).closed();
    }
  });

  it("closes on a missing or unknown transport, or one that does not upgrade", async () => {
    for (const transport of [null, "abc", "polling"]) {
      await WireSocket.to(server, { parameters: { transport } }).closed();
    }
  });

  it("refuses an unknown sid", async () => {
    const { error } = await WireSocket.to(server, { parameters: { sid: "AAAAAAAAAAAAAAAAAAAA" } }).closed();
    assert.match(error?.message ?? "", /400/);
  });

  it("works with and without the client offering compression", async () => {
    for (const perMessageDeflate of [true, false]) {
      const socket = await open({ perMessageDeflate });
      const packet = `4${"compressible ".repeat(500)}`;
      socket.send(packet);
      assert.equal(await socket.next(), packet);
      socket.close();
    }
  });
});

describe("messages over WebSocket", () => {
  it("echoes text of every kind", async () => {
    const socket = await open();
    for (const text of ["hello", "", "utf8 — string", "👩‍👩‍👧‍👦 💬", "\u0000\u001e\u007f", "日本語"]) {
      socket.send(`4${text}`);
      assert.equal(await socket.next(), `4${text}`);
    }
    socket.close();
  });

  it("echoes binary as binary frames", async () => {
    const socket = await open();
    for (const bytes of [Buffer.from([1, 2, 3, 4]), Buffer.from([0xff, 0, 0x80]), randomBytes(70_000)]) {
      socket.send(bytes);
      const echo = await socket.next();
      assert.ok(Buffer.isBuffer(echo));
      assert.ok(echo.equals(bytes));
    }
    socket.close();
  });

  it("returns a thousand messages, text and binary, in their order", async () => {
    const socket = await open();
    const packets = Array.from({ length: 1000 }, (_, n) => (n % 3 === 0 ? Buffer.from([n >> 8, n & 255]) : `4${n}`));
    socket.send(...packets);
    for (const packet of packets) assert.deepEqual(await socket.next(), packet);
    socket.close();
  });

  it("puts a message of several frames together, a control frame between them", async () => {
    const socket = await open();
    await socket.opened;
    socket.ws.send("4one,", { fin: false });
    socket.ws.ping("between");
    socket.ws.send("two,", { fin: false });
    socket.ws.send("thrée", { fin: true });
    assert.equal(await socket.next(), "4one,two,thrée");
    socket.close();
  });

  it("takes frames of every length encoding", async () => {
    const socket = await open();
    for (const length of [1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537]) {
      const packet = `4${"x".repeat(length)}`;
      socket.send(packet);
      assert.equal(await socket.next(), packet);
    }
    socket.close();
  });

  it("answers a WebSocket ping with its payload", async () => {
    const socket = await open();
    const pong = new Promise((resolve) => socket.ws.once("pong", resolve));
    socket.ws.ping("are you there");
    assert.equal((await pong).toString(), "are you there");
    socket.close();
  });

  it("takes a message of exactly maxPayload and closes on a larger one", async () => {
    const socket = await open();
    const packet = `4${"x".repeat(MAX_PAYLOAD - 1)}`;
    socket.send(packet);
    assert.equal(await socket.next(), packet);
    socket.send(`${packet}x`);
    assert.equal((await socket.closed()).code, 1009);
  });

  it("bounds what is put together from several frames", async () => {
    const socket = await open();
    await socket.opened;
    const half = "x".repeat(600_000);
    socket.ws.send(`4${half}`, { fin: false });
    socket.ws.send(half, { fin: true });
    assert.equal((await socket.closed()).code, 1009);
  });

  it("closes on text that is not UTF-8", async () => {
    const socket = await open();
    socket.ws.send(Buffer.from([0x34, 0xff, 0xfe]), { binary: false });
    assert.equal((await socket.closed()).code, 1007);
  });

  it("closes on a frame that is not masked", async () => {
    const socket = await open();
    socket.ws.send("4bare", { mask: false });
    assert.equal((await socket.closed()).code, 1002);
  });

  it("closes on a packet that is none", async () => {
    for (const packet of ["abc", "z", "9hello", ""]) {
      const socket = await open();
      socket.send(packet);
      await socket.closed(400); // sooner than its heartbeat could
    }
  });
});

describe("heartbeat over WebSocket", () => {
  it("asks every interval and goes on as long as it is answered", async () => {
    const socket = await open({ heartbeat: false });
    const start = Date.now();
    for (let beat = 0; beat < 4; beat += 1) {
      assert.equal(await socket.next(), "2");
      socket.send("3");
    }
    assert.ok(Date.now() - start >= 4 * 300 - 50, `four intervals took ${Date.now() - start} ms`);
    socket.send("4alive");
    assert.equal(await socket.next(), "4alive");
    socket.close();
  });

  it("closes when a ping stays unanswered", async () => {
    const socket = await open({ heartbeat: false });
    const start = Date.now();
    await socket.closed();
    const elapsed = Date.now() - start;
    assert.ok(elapsed >= 450 && elapsed < 2000, `it took ${elapsed} ms`);
  });

  it("closes on a ping from the client", async () => {
    const socket = await open();
    socket.send("2");
    await socket.closed(400);
  });
});

describe("closing over WebSocket", () => {
  it("closes when the client sends a close packet", async () => {
    // Not before the heartbeat on Node, whose server has no ear for this packet on WebSocket.
    const socket = await open({ heartbeat: false });
    socket.send("1");
    await socket.closed();
  });

  it("answers a close frame", async () => {
    const socket = await open();
    socket.ws.close(1000);
    assert.equal((await socket.closed()).code, 1000);
  });

  it("lets no second WebSocket speak for the sid of a first, which goes on", async () => {
    const first = await open();
    const intruder = WireSocket.to(server, { parameters: { sid: first.sid } });
    await intruder.opened.catch(() => {});
    if (intruder.isOpen) intruder.send("4intruder");
    await intruder.closed();
    first.send("4still here");
    assert.equal(await first.next(), "4still here");
    first.close();
  });
});
