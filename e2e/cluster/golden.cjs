// Records what the official packages put on the wire, for the tests of crates/bus: `npm run golden`.
// Ids are made the same each time: every random byte is the next of a count.
const crypto = require("node:crypto");

let count = 0;
crypto.randomBytes = (length) => Buffer.from(Array.from({ length }, () => count++ % 256));

const { Server } = require("socket.io");
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const { Emitter } = require("@socket.io/redis-emitter");

const golden = [];
let name;

function published(channel, payload) {
  const bytes = Buffer.from(payload);
  const text = bytes[0] === 0x7b ? { json: bytes.toString() } : { hex: bytes.toString("hex") };
  golden.push({ name, channel, ...text });
  return Promise.resolve(1);
}

/** A client of Redis that keeps what would be sent, and that says there are three nodes. */
function fakeClient() {
  const handlers = [];
  return {
    handlers,
    on() {},
    listenerCount: () => 2,
    publish: published,
    sPublish: published,
    sSubscribe: (channel, handler) => handlers.push({ channel, handler }),
    pSubscribe: (channel, handler) => handlers.push({ channel, handler }),
    subscribe: (channels, handler) => handlers.push(...channels.map((channel) => ({ channel, handler }))),
    sendCommand: (args) => Promise.resolve([args[2], 3]),
  };
}

/** A socket that is in a room and that answers whatever it is asked. */
function addSocket(nsp, answer) {
  const id = "abcdefghijklmnopqrst";
  const socket = {
    id,
    handshake: {
      headers: { host: "localhost" },
      time: "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)",
      address: "127.0.0.1",
      xdomain: false,
      secure: false,
      issued: 0,
      url: "/socket.io/?EIO=4",
      query: { EIO: "4" },
      auth: {},
    },
    rooms: new Set([id, "room"]),
    data: { name: "ana" },
    acks: new Map(),
    client: { writeToEngine: () => socket.acks.forEach((ack) => ack(answer)) },
  };
  nsp.sockets.set(id, socket);
  nsp.adapter.addAll(id, socket.rooms);
}

async function record(what, act) {
  name = what;
  await act();
  await new Promise((resolve) => setImmediate(resolve));
}

const bytes = Buffer.from([1, 2, 3]);
const ignore = () => {};

async function requests(prefix, io) {
  const say = (what, act) => record(`${prefix} ${what}`, act);
  await say("emit", () => io.emit("ev", "x", 1));
  await say("emit to a room", () => io.to("room").emit("ev", { a: [1.5, null, true, -1] }));
  await say("emit to rooms but some, volatile", () => io.to("r1").to("r2").except("r3").volatile.emit("ev"));
  await say("emit to a socket", () => io.to("abcdefghijklmnopqrst").emit("ev"));
  await say("emit in a namespace", () => io.of("/orders").to("room").emit("ev", "é"));
  await say("emit bytes", () => io.to("room").emit("ev", { file: bytes }, 1));
  await say("emit bytes and a date", () => io.emit("ev", bytes, new Date(1_234_567_890_123), undefined));
  await say("emit with ack", () => io.to("room").timeout(1_000).emit("ask", "x", ignore));
  await say("fetchSockets", () => void io.in("room").fetchSockets().catch(ignore));
  await say("socketsJoin", () => io.in("room").socketsJoin(["a", "b"]));
  await say("socketsLeave", () => io.in("room").socketsLeave("a"));
  await say("disconnectSockets", () => io.in("room").disconnectSockets(true));
  await say("serverSideEmit", () => io.serverSideEmit("hello", { a: 1 }));
  await say("serverSideEmit with ack", () => io.serverSideEmit("hello", ignore));
}

async function sharded() {
  const [pub, sub] = [fakeClient(), fakeClient()];
  const io = new Server({ adapter: createShardedAdapter(pub, sub) });
  io.of("/orders");
  await requests("sharded", io);
  await record("sharded serverSideEmit of bytes", () => io.serverSideEmit("hello", bytes));
  addSocket(io.of("/"), "answer");
  const { handler } = sub.handlers[0];
  const other = { uid: "ffffffffffffffff", nsp: "/" };
  const opts = { rooms: ["room"], except: [], flags: { timeout: 1_000 } };
  const ask = { packet: { type: 2, data: ["ask"] }, requestId: "r1", opts };
  const say = (what, message) =>
    record(`sharded ${what}`, () => handler(Buffer.from(JSON.stringify({ ...message, ...other })), "socket.io#/#"));
  await say("sockets", { type: 7, data: { requestId: "r1", opts } });
  await say("count and ack", { type: 3, data: ask });
  io.of("/").sockets.clear();
  addSocket(io.of("/"), bytes);
  await say("count and ack of bytes", { type: 3, data: ask });
  io.on("hello", (answer) => answer({ b: 2 }));
  await say("answer of a server", { type: 9, data: { requestId: "r1", packet: ["hello"] } });
  io.on("nothing", (answer) => answer());
  await say("answer of a server without a value", { type: 9, data: { requestId: "r1", packet: ["nothing"] } });
}

async function classic() {
  const [pub, sub] = [fakeClient(), fakeClient()];
  const io = new Server({ adapter: createAdapter(pub, sub) });
  io.of("/orders");
  await requests("classic", io);
  addSocket(io.of("/"), "answer");
  const handler = sub.handlers[1].handler;
  const opts = { rooms: ["room"], except: [], flags: { timeout: 1_000 } };
  const say = (what, message) =>
    record(`classic ${what}`, () =>
      handler(Buffer.from(JSON.stringify({ uid: "ffffff", requestId: "r1", ...message })), "socket.io-request#/#"),
    );
  await say("sockets", { type: 5, opts });
  await say("rooms", { type: 1 });
  await say("ids", { type: 0, rooms: ["room"] });
  await say("count and ack", { type: 7, packet: { type: 2, data: ["ask"], nsp: "/" }, opts });
  io.on("hello", (answer) => answer({ b: 2 }));
  await say("answer of a server", { type: 6, data: ["hello"] });
}

async function emitter() {
  const io = new Emitter(fakeClient());
  const say = (what, act) => record(`emitter ${what}`, act);
  await say("emit to a room", () => io.to("room").emit("ev", "x", bytes));
  await say("emit in a namespace", () => io.of("/orders").emit("ev"));
  await say("socketsJoin", () => io.in("room").socketsJoin("a"));
  await say("socketsLeave", () => io.in("room").socketsLeave(["a"]));
  await say("disconnectSockets", () => io.in("room").disconnectSockets());
  await say("serverSideEmit", () => io.serverSideEmit("hello", 1));
}

recordAll([sharded, classic, emitter]).then(() => {
  console.log(JSON.stringify(golden, undefined, 2));
  process.exit();
});

async function recordAll(recordings) {
  for (const recording of recordings) {
    count = 0;
    await recording();
  }
}
