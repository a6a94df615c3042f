// The upgrade of an Engine.IO session from polling to WebSocket, done by hand: probe, noop, upgrade, and its failures.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { within } from "../lib/deadline.mjs";
import { EchoServer } from "../lib/server.mjs";
import { PollingSession, WireSocket } from "../lib/wire.mjs";

let server;
before(async () => {
  server = await EchoServer.start({ engine: true });
});
after(() => server?.kill());

const open = () => PollingSession.open(server);
const second = (session) => new WireSocket(session.upgradeUrl);

/** Probes, and leaves the session between `3probe` and `5`, its pending poll answered. */
async function probe(session) {
  const socket = second(session);
  await socket.opened;
  const pending = session.poll();
  socket.send("2probe");
  assert.equal(await socket.next(), "3probe");
  assert.equal(await (await within(pending, "end of the pending poll")).text(), "6");
  return socket;
}

describe("upgrade", () => {
  it("goes 2probe, 3probe, the pending poll gets 6, 5", async () => {
    const session = await open();
    const socket = await probe(session);
    socket.send("5", "4over WebSocket");
    assert.equal(await socket.next(), "4over WebSocket");
    socket.close();
  });

  it("refuses polls afterwards", async () => {
    const session = await open();
    const socket = await probe(session);
    socket.send("5", "4done");
    assert.equal(await socket.next(), "4done");
    assert.equal((await session.poll()).status, 400);
    assert.equal((await session.post("4hello")).status, 400);
    socket.send("4still here");
    assert.equal(await socket.next(), "4still here");
    socket.close();
  });

  it("closes a second WebSocket afterwards", async () => {
    const session = await open();
    const socket = await probe(session);
    socket.send("5", "4done");
    assert.equal(await socket.next(), "4done");
    await second(session).closed();
    socket.send("4still here");
    assert.equal(await socket.next(), "4still here");
    socket.close();
  });

  it("closes a second WebSocket while a first is probing", async () => {
    const session = await open();
    const socket = await probe(session);
    await second(session).closed();
    socket.send("5", "4mine");
    assert.equal(await socket.next(), "4mine");
    socket.close();
  });

  it("loses and reorders nothing that was sent by polling before", async () => {
    const session = await open();
    await session.send("41", "42", "bAw==");
    const socket = second(session);
    await socket.opened;
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    await session.send("44");
    const seen = [];
    while (seen.length < 4) {
      const packet = await session.next();
      if (packet !== "6") seen.push(packet);
    }
    socket.send("5", "45");
    assert.equal(await socket.next(), "45");
    assert.deepEqual(seen, ["41", "42", "bAw==", "44"]);
    socket.close();
  });

  it("delivers over WebSocket what was sent by polling and not yet fetched", async () => {
    const session = await open();
    const socket = await probe(session);
    await session.send("4late by polling");
    socket.send("5", "4by WebSocket");
    assert.equal(await socket.next(), "4late by polling");
    assert.equal(await socket.next(), "4by WebSocket");
    socket.close();
  });

  it("keeps the heartbeat going across it", async () => {
    const session = await open();
    const socket = await probe(session);
    socket.send("5");
    await delay(1200); // four heartbeats, answered by the socket
    socket.send("4alive");
    assert.equal(await socket.next(), "4alive");
    socket.close();
  });
});

describe("an upgrade that fails", () => {
  it("leaves the session on polling when the first packet is no probe", async () => {
    for (const packet of ["4hello", "2", "2prob", "abc"]) {
      const session = await open();
      const socket = second(session);
      await socket.opened;
      socket.send(packet);
      await socket.closed();
      await session.send("4still polling");
      assert.equal(await session.next(), "4still polling");
    }
  });

  it("leaves the session on polling when the WebSocket closes after its probe", async () => {
    const session = await open();
    const socket = await probe(session);
    socket.close();
    await socket.closed();
    await session.send("4still polling");
    let packet;
    do packet = await session.next();
    while (packet === "6");
    assert.equal(packet, "4still polling");
  });

  it("may be tried again", async () => {
    const session = await open();
    (await probe(session)).close();
    let socket;
    for (;;) {
      // The server hears of the first one's end a moment later.
      socket = second(session);
      await socket.opened;
      const pending = session.poll();
      socket.send("2probe");
      const answer = await Promise.race([socket.next(), socket.closed()]).catch(() => null);
      if (answer === "3probe") {
        await pending;
        break;
      }
      await (await session.post("4again")).text();
      await (await pending).text();
    }
    socket.send("5", "4second try");
    let packet;
    do packet = await socket.next();
    while (packet === "4again");
    assert.equal(packet, "4second try");
    socket.close();
  });
});
