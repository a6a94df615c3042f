// What Socket.IO has beside its protocol, as an official client sees it.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { io } from "socket.io-client";
import { next, within } from "../lib/deadline.mjs";
import { EchoServer } from "../lib/server.mjs";

let server;
let sockets = [];
before(async () => {
  server = await EchoServer.start({ patient: true });
});
after(() => server?.kill());
afterEach(() => {
  for (const socket of sockets) socket.disconnect();
  sockets = [];
});

async function connected(path = "/", options = {}) {
  const socket = io(`${server.url}${path}`, { transports: ["websocket"], forceNew: true, reconnection: false, ...options });
  sockets.push(socket);
  await next(socket, "auth");
  return socket;
}

describe("namespaces by predicate", () => {
  it("are there when a client asks, each for itself", async () => {
    const [one, two] = [await connected("/dynamic-101"), await connected("/dynamic-102")];
    assert.equal(await one.emitWithAck("message-with-ack", "hi"), "hi");
    await one.emitWithAck("join", "room");
    await two.emitWithAck("join", "room");
    assert.deepEqual(await one.emitWithAck("fetch", "room"), [one.id]);
    assert.deepEqual(await two.emitWithAck("fetch", "room"), [two.id]);
  });

  it("are there again after the last client has left", async () => {
    for (let round = 0; round < 3; round += 1) {
      const socket = await connected("/dynamic-7");
      await socket.emitWithAck("join", "room");
      assert.deepEqual(await socket.emitWithAck("fetch", "room"), [socket.id]);
      socket.disconnect();
    }
  });

  it("are not there for other names", async () => {
    for (const path of ["/dynamic-", "/dynamic-x", "/dynamic-1x", "/dynamics-1"]) {
      const socket = io(`${server.url}${path}`, { transports: ["websocket"], forceNew: true, reconnection: false });
      sockets.push(socket);
      const [error] = await next(socket, "connect_error");
      assert.equal(error.message, "Invalid namespace");
    }
  });
});

describe("broadcasts with acknowledgements", () => {
  const ask = (socket, ms) =>
    within(new Promise((resolve) => socket.emit("ask-all", "asked", ms, (...got) => resolve(got))), "answers");

  it("give all answers", async () => {
    const [one, two] = [await connected(), await connected()];
    for (const [socket, answer] of [[one, "one"], [two, "two"]]) {
      socket.on("question", (callback) => callback(answer));
      await socket.emitWithAck("join", "asked");
    }
    const [complete, answers] = await ask(one, 4000);
    assert.ok(complete);
    assert.deepEqual(answers.sort(), ["one", "two"]);
  });

  it("give the answers that came, and say that some did not", async () => {
    const [one, silent] = [await connected(), await connected()];
    one.on("question", (callback) => callback("one"));
    silent.on("question", () => {});
    await one.emitWithAck("join", "asked");
    await silent.emitWithAck("join", "asked");
    assert.deepEqual(await ask(one, 200), [false, ["one"]]);
  });

  it("are complete where nobody is asked", async () => {
    assert.deepEqual(await ask(await connected(), 4000), [true, []]);
  });
});

describe("events", () => {
  it("are refused by a middleware", async () => {
    const socket = await connected();
    const refused = next(socket, "refused");
    socket.emit("forbidden", 1);
    assert.deepEqual(await refused, [{ message: "not allowed" }]);
    assert.equal(await socket.emitWithAck("message-with-ack", 2), 2);
  });

  it("arrive also when they are volatile, where nothing stands in their way", async () => {
    const socket = await connected();
    const back = next(socket, "volatile-back");
    socket.emit("volatile", "now", { at: 1 });
    assert.deepEqual(await back, ["now", { at: 1 }]);
  });
});

describe("fetched sockets", () => {
  it("are those of a room", async () => {
    const [one, two, other] = [await connected(), await connected(), await connected()];
    await one.emitWithAck("join", "room");
    await two.emitWithAck("join", "room");
    assert.deepEqual((await other.emitWithAck("fetch", "room")).sort(), [one.id, two.id].sort());
    assert.deepEqual(await other.emitWithAck("fetch", other.id), [other.id]);
    assert.deepEqual(await other.emitWithAck("fetch", "nobody's"), []);
  });
});
