// Engine.IO v4 over HTTP long-polling, request by request.
//
// The cases follow the protocol's document: handshake, payloads, heartbeat, closing, and what must be refused.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { SOON_MS, within } from "../lib/deadline.mjs";
import { EchoServer } from "../lib/server.mjs";
import { PollingSession, address } from "../lib/wire.mjs";

const PATH = "/engine.io/";
const MAX_PAYLOAD = 1_000_000;

let server;
before(async () => {
  server = await EchoServer.start({ engine: true });
});
after(() => server?.kill());

const open = (options) => PollingSession.open(server, options);

async function refused(url, options, code, message) {
  const response = await fetch(url, options);
  assert.equal(response.status, 400);
  assert.deepEqual(await response.json(), { code, message });
}

describe("handshake over polling", () => {
  it("answers exactly the five fields", async () => {
    const response = await fetch(address(server.url, PATH));
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^text\/plain; charset=utf-8$/i);
    const body = await response.text();
    assert.equal(body[0], "0");
    const handshake = JSON.parse(body.slice(1));
    assert.deepEqual(Object.keys(handshake).sort(), ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"]);
    assert.equal(typeof handshake.sid, "string");
    assert.ok(handshake.sid.length >= 20, `the sid ${handshake.sid} is short for a secret`);
    assert.equal(encodeURIComponent(handshake.sid), handshake.sid);
    assert.deepEqual(handshake.upgrades, ["websocket"]);
    assert.equal(handshake.pingInterval, 300);
    assert.equal(handshake.pingTimeout, 200);
    assert.equal(handshake.maxPayload, MAX_PAYLOAD);
  });

  it("gives every session a sid of its own", async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => open()));
    assert.equal(new Set(sessions.map((session) => session.sid)).size, 20);
  });

  it("ignores parameters that it does not know", async () => {
    const response = await fetch(address(server.url, PATH, { t: "abc123", b64: "1", more: "x" }));
    assert.equal(response.status, 200);
    await response.text();
  });

  it("refuses a missing or unknown EIO", async () => {
    const unsupported = "Unsupported protocol version";
    for (const EIO of [null, "abc", "3", "5", ""]) await refused(address(server.url, PATH, { EIO }), {}, 5, unsupported);
  });

  it("refuses a missing or unknown transport", async () => {
    for (const transport of [null, "abc", ""]) {
      await refused(address(server.url, PATH, { transport }), {}, 0, "Transport unknown");
    }
  });

  it("refuses transport=websocket without an upgrade", async () => {
    await refused(address(server.url, PATH, { transport: "websocket" }), {}, 3, "Bad request");
  });

  it("refuses POST, PUT and DELETE without a sid", async () => {
    for (const method of ["POST", "PUT", "DELETE"]) {
      await refused(address(server.url, PATH), { method }, 2, "Bad handshake method");
    }
  });

  it("refuses an unknown sid", async () => {
    const url = address(server.url, PATH, { sid: "AAAAAAAAAAAAAAAAAAAA" });
    await refused(url, {}, 1, "Session ID unknown");
    await refused(url, { method: "POST", body: "4hello" }, 1, "Session ID unknown");
  });

  it("refuses a poll that names another transport or protocol version than the session's", async () => {
    const { sid } = await open();
    await refused(address(server.url, PATH, { sid, transport: "websocket" }), {}, 3, "Bad request");
    await refused(address(server.url, PATH, { sid, EIO: "3" }), {}, 3, "Bad request");
  });
});

describe("messages over polling", () => {
  it("echoes one text packet, and POST is answered ok", async () => {
    const session = await open();
    const response = await session.post("4hello");
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "ok");
    const poll = await session.poll();
    assert.match(poll.headers.get("content-type"), /^text\/plain; charset=utf-8$/i);
    assert.equal(await poll.text(), "4hello");
  });

  it("answers a poll that was waiting", async () => {
    const session = await open();
    const poll = session.next();
    await session.send("4late");
    assert.equal(await poll, "4late");
  });

  it("takes several packets in one payload and returns them in one", async () => {
    const session = await open();
    await session.send("4one", "4two", "4three");
    assert.equal(await (await session.poll()).text(), "4one\x1e4two\x1e4three");
  });

  it("carries binary as b and base64, alone and beside text", async () => {
    const session = await open();
    await session.send("bAQIDBA==");
    assert.equal(await session.next(), "bAQIDBA==");
    await session.send("4hello", "bAQIDBA==", "b/////w==", "4bye");
    assert.equal(await (await session.poll()).text(), "4hello\x1ebAQIDBA==\x1eb/////w==\x1e4bye");
  });

  it("keeps an empty message and every kind of character", async () => {
    const session = await open();
    for (const text of ["", "utf8 — string", "€€€", "日本語", "👩‍👩‍👧‍👦 💬", "\u0000\u0001\u007f", '"\\/\b\f\n\r\t', " \u2028 \ufeff"]) {
      await session.send(`4${text}`);
      assert.equal(await session.next(), `4${text}`);
    }
  });

  it("returns a thousand packets of one payload in their order", async () => {
    const session = await open();
    const packets = Array.from({ length: 1000 }, (_, number) => `4${number}`);
    await session.send(...packets);
    for (const packet of packets) assert.equal(await session.next(), packet);
  });

  it("ignores a noop", async () => {
    const session = await open();
    await session.send("6", "4still here");
    assert.equal(await session.next(), "4still here");
  });

  it("takes a payload of exactly maxPayload", async () => {
    const session = await open();
    const packet = `4${"x".repeat(MAX_PAYLOAD - 1)}`;
    await session.send(packet);
    assert.equal(await session.next(), packet);
  });

  it("answers 413 to a payload above maxPayload", async () => {
    const session = await open();
    const response = await session.post(`4${"x".repeat(MAX_PAYLOAD)}`);
    assert.equal(response.status, 413);
  });

  it("counts maxPayload in bytes", async () => {
    const session = await open();
    const response = await session.post(`4${"€".repeat(MAX_PAYLOAD / 2)}`);
    assert.equal(response.status, 413);
  });

  it("answers 413 also to a body of unannounced length", async () => {
    const session = await open();
    const chunk = new Uint8Array(100_000).fill(0x78);
    const body = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent <= MAX_PAYLOAD; sent += chunk.length) controller.enqueue(chunk);
        controller.close();
      },
    });
    const answer = fetch(session.url, { method: "POST", body, duplex: "half" }).then(
      (response) => response.status,
      (error) => error.cause?.code ?? error.message,
    );
    // The server may hang up while the client still sends; what counts is that it does not take it.
    assert.notEqual(await within(answer, "answer to the POST"), 200);
  });
});

describe("heartbeat over polling", () => {
  it("asks every interval and goes on as long as it is answered", async () => {
    const session = await open({ heartbeat: false });
    const start = Date.now();
    for (let beat = 0; beat < 4; beat += 1) {
      assert.equal(await session.next(), "2");
      await session.send("3");
    }
    assert.ok(Date.now() - start >= 4 * 300 - 50, `four intervals took ${Date.now() - start} ms`);
    await session.send("4alive");
    assert.equal(await session.next(), "4alive");
  });

  it("closes the session when a ping stays unanswered", async () => {
    const session = await open({ heartbeat: false });
    assert.equal(await session.next(), "2");
    const start = Date.now();
    await session.closed();
    assert.ok(Date.now() - start < 2000, "it took long");
  });

  it("closes the session when nobody polls", async () => {
    const session = await open();
    await delay(800); // what is tested is that nothing happens for so long
    assert.equal((await session.poll()).status, 400);
  });

  it("closes the session on a ping from the client", async () => {
    const session = await open();
    await session.post("2");
    await session.closed();
  });
});

describe("closing over polling", () => {
  it("ends the pending poll with a noop when the client closes", async () => {
    const session = await open();
    const pending = session.poll();
    await within(delay(50), "moment");
    await session.send("1");
    const poll = await within(pending, "end of the poll");
    assert.equal(await poll.text(), "6");
    assert.equal((await session.poll()).status, 400);
  });

  it("closes on a second concurrent poll: the first gets 1, the second 400", async () => {
    const session = await open();
    const first = session.poll();
    await delay(50); // so that the first is surely there first
    const second = await within(session.poll(), "answer to the second poll");
    assert.equal(second.status, 400);
    const answer = await within(first, "answer to the first poll");
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), "1");
    assert.equal((await session.poll()).status, 400);
  });

  it("closes when a poll is aborted", async () => {
    const session = await open();
    const abort = new AbortController();
    const pending = session.poll({ signal: abort.signal });
    await delay(50); // so that the poll is surely on its way
    abort.abort();
    await assert.rejects(pending);
    const start = Date.now();
    await session.closed();
    assert.ok(Date.now() - start < 400, "the session ended by its heartbeat only");
  });

  it("closes on a packet that is none", async () => {
    for (const packet of ["abc", "z", "9hello"]) {
      const session = await open();
      await session.post(packet);
      await session.closed();
    }
  });

  it("closes on a second POST while one is being read", async () => {
    const session = await open();
    const first = connect(server.port, "127.0.0.1");
    first.on("error", () => {});
    const { pathname, search } = new URL(session.url);
    first.write(`POST ${pathname}${search} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n4half`);
    await delay(50); // so that its head is surely read
    const second = await within(session.post("4second"), "answer to the second POST");
    assert.equal(second.status, 400);
    await session.closed();
    first.destroy();
  });

  it("does not take a body as application/octet-stream", async () => {
    const session = await open();
    const response = await fetch(session.url, {
      method: "POST",
      body: "4hello",
      headers: { "content-type": "application/octet-stream" },
    });
    assert.equal(response.status, 400);
    await session.closed();
  });

  it("refuses other methods with a sid", async () => {
    const session = await open();
    for (const method of ["PUT", "DELETE", "PATCH"]) {
      const response = await fetch(session.url, { method });
      assert.ok(response.status >= 400, `${method} was answered ${response.status}`);
    }
  });

  it("is not hurt by requests that are not HTTP", async () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    const end = once(socket, "close");
    socket.resume();
    socket.end("not http at all\r\n\r\n");
    await within(end, "end of the connection", SOON_MS);
    assert.ok(server.alive);
    await open();
  });
});
