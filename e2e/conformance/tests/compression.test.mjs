// Per-message compression (RFC 7692) between the official clients and a server that was told to compress.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Socket } from "engine.io-client";
import { io } from "socket.io-client";
import { next, within } from "../lib/deadline.mjs";
import { EchoServer, isReference } from "../lib/server.mjs";
import { WireSocket } from "../lib/wire.mjs";

let engine;
let socketIo;
before(async () => {
  [engine, socketIo] = await Promise.all([
    EchoServer.start({ engine: true, deflate: true }),
    EchoServer.start({ deflate: true }),
  ]);
});
after(() => Promise.all([engine?.kill(), socketIo?.kill()]));

const open = (perMessageDeflate) => WireSocket.open(engine, { perMessageDeflate });

const SIZES = [1, 63, 64, 125, 126, 1_000, 16_384, 65_535, 65_536, 500_000];

describe("compression, ws", () => {
  for (const [name, offer] of Object.entries({
    "as ws offers it": true,
    "without context takeover": { serverNoContextTakeover: true, clientNoContextTakeover: true },
    "with a small window of the client's": { clientMaxWindowBits: 9 },
    "from the first byte on": { threshold: 0 },
    "at the highest level": { threshold: 0, zlibDeflateOptions: { level: 9 } },
    stored: { threshold: 0, zlibDeflateOptions: { level: 0 } },
  })) {
    it(`gets text and binary of every size back, ${name}`, async () => {
      const socket = await open(offer);
      assert.match(socket.ws.extensions, /permessage-deflate/);
      if (!isReference) {
        assert.equal(socket.ws._receiver._extensions["permessage-deflate"].params.server_no_context_takeover, true);
        assert.equal(socket.ws._receiver._extensions["permessage-deflate"].params.client_no_context_takeover, true);
      }
      for (const size of SIZES) {
        const text = `4${"compressible — ".repeat(size / 15 + 1).slice(0, size)}`;
        socket.send(text);
        assert.equal(await socket.next(), text);
        for (const bytes of [Buffer.from(text), randomBytes(size)]) {
          socket.send(bytes);
          assert.ok(bytes.equals(await socket.next()), `${size} bytes`);
        }
      }
      socket.close();
    });
  }

  it("puts a compressed message of several frames together, a ping between them", async () => {
    const socket = await open({ threshold: 0 });
    const pong = next(socket.ws, "pong");
    for (const part of ["4com", "press", ""]) {
      socket.ws.send(part, { fin: false, compress: true });
      socket.ws.ping("between");
    }
    socket.ws.send("ible", { fin: true });
    assert.equal((await pong)[0].toString(), "between");
    assert.equal(await socket.next(), "4compressible");
    socket.close();
  });

  it("goes on without it where the client wants a window the server has not", async () => {
    const socket = await open({ serverMaxWindowBits: 9 });
    if (!isReference) assert.equal(socket.ws.extensions, "");
    const text = `4${"compressible ".repeat(100)}`;
    socket.send(text);
    assert.equal(await socket.next(), text);
    socket.close();
  });

  it("closes with 1009 on what would be too long, however short it is compressed", async () => {
    const socket = await open({ threshold: 0 });
    socket.send(Buffer.alloc(20_000_000));
    assert.equal((await within(socket.ended, "close")).code, 1009);
    // And the next is served.
    const other = await open({ threshold: 0 });
    other.send("4here");
    assert.equal(await other.next(), "4here");
    other.close();
  });
});

describe("compression, the official clients", () => {
  for (const transports of [["websocket"], ["polling", "websocket"]]) {
    it(`engine.io-client gets its messages back over ${transports.join(" and ")}`, async () => {
      const socket = new Socket(engine.url, { path: "/engine.io/", transports, perMessageDeflate: { threshold: 64 } });
      socket.binaryType = "nodebuffer";
      const upgrade = transports.length > 1 ? next(socket, "upgrade") : null;
      await next(socket, "open");
      await upgrade;
      for (const size of SIZES) {
        for (const data of ["compressible ".repeat(size / 13 + 1).slice(0, size), randomBytes(size)]) {
          for (const compress of [true, false]) {
            const answer = next(socket, "message");
            socket.send(data, { compress });
            assert.deepEqual((await answer)[0], data);
          }
        }
      }
      assert.match(socket.transport.ws.extensions, /permessage-deflate/);
      socket.close();
    });
  }

  it("socket.io-client gets its events and acknowledgements back", async () => {
    const socket = io(socketIo.url, {
      transports: ["websocket"],
      forceNew: true,
      perMessageDeflate: { threshold: 0 },
    });
    await next(socket, "connect");
    const value = { text: "compressible ".repeat(1_000), bytes: Buffer.alloc(5_000, 7), list: [1, null, true] };
    const [back] = await within(
      new Promise((resolve) => socket.emit("message-with-ack", value, (...args) => resolve(args))),
      "acknowledgement",
    );
    assert.deepEqual({ ...back, bytes: Buffer.from(back.bytes) }, value);
    const event = next(socket, "message-back");
    socket.emit("message", value.text);
    assert.equal((await event)[0], value.text);
    socket.close();
  });
});
