// What the Socket.IO protocol forbids: each closes the connection of who sent it, and harms nobody else.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { EchoServer } from "../lib/server.mjs";
import { PollingSession, WireSocket } from "../lib/wire.mjs";

const PATH = "/socket.io/";
// Sooner than the heartbeat or the connect timeout could close it.
const AT_ONCE_MS = 400;

let server;
let witness;
before(async () => {
  server = await EchoServer.start();
  witness = await connected();
});
after(() => server?.kill());

afterEach(async () => {
  assert.ok(server.alive, "the server ended");
  witness.send('42["message","witness"]');
  assert.equal(await witness.next(), '42["message-back","witness"]');
});

async function connected() {
  const socket = await WireSocket.open(server, { path: PATH });
  socket.send("40");
  await socket.next();
  await socket.next();
  return socket;
}

const slot = (num) => `{"_placeholder":true,"num":${num}}`;
const bytes = Buffer.from([1, 2, 3]);

const malformed = {
  "no packet type": ["4abc"],
  "an unknown packet type": ["49[1]"],
  "a payload that is no array": ["42{}"],
  "a payload that is no JSON": ['42["message"'],
  "letters where the ack id stands": ['42abc["message-with-ack",1]'],
  "an empty array": ["42[]"],
  "an event name that is no string": ["42[{}]"],
  "a reserved event name": ['42["connect"]'],
  "another reserved event name": ['42["disconnect","io server disconnect"]'],
  "an ack that is no array": ["431{}"],
  "a connect payload that is an array": ["40/custom,[]"],
  "a connect payload that is a string": ['40/custom,"x"'],
  "a disconnect with a payload": ["41{}"],
  "a connect error from a client": ['44{"message":"no"}'],
  "a second connect to one namespace": ["40"],
  "an event for a namespace not joined": ['42/custom,["message",1]'],
  "a binary message without its header": [bytes],
  "no number of attachments": ['45["message"]'],
  "zero attachments": ['450-["message"]'],
  "a negative number of attachments": ['45-1-["message"]'],
  "far too many attachments": [`45100000-["message",${slot(0)}]`],
  "text where an attachment is due": [`451-["message",${slot(0)}]`, '42["message",1]'],
  "a placeholder beyond the attachments": [`451-["message",${slot(1)}]`, bytes],
  "a placeholder below zero": [`451-["message",${slot(-1)}]`, bytes],
};

describe("over WebSocket the connection closes on", () => {
  for (const [what, packets] of Object.entries(malformed)) {
    it(what, async () => {
      const socket = await connected();
      socket.send(...packets);
      await socket.closed(AT_ONCE_MS);
    });
  }

  it("an event before CONNECT", async () => {
    const socket = await WireSocket.open(server, { path: PATH });
    socket.send('42["message",1]');
    await socket.closed(AT_ONCE_MS);
  });

  it("an event after leaving", async () => {
    const socket = await connected();
    socket.send("40/custom,");
    await socket.next();
    await socket.next();
    // The answer in the other namespace says that the leaving is done.
    socket.send("41", '42/custom,["message",1]');
    await socket.next();
    socket.send('42["message",2]');
    await socket.closed(AT_ONCE_MS);
  });

  it("a disconnect before CONNECT", async () => {
    const socket = await WireSocket.open(server, { path: PATH });
    socket.send("41");
    await socket.closed(AT_ONCE_MS);
  });

  it("an attachment that never comes: no later than a heartbeat goes unanswered", async () => {
    const socket = await WireSocket.open(server, { path: PATH, heartbeat: false });
    socket.send("40", `451-["message",${slot(0)}]`);
    await socket.closed(2000);
  });
});

describe("over polling the session closes on", () => {
  for (const what of ["no packet type", "a payload that is no array", "letters where the ack id stands"]) {
    it(what, async () => {
      const session = await PollingSession.open(server, { path: PATH });
      await session.send("40");
      await session.next();
      await session.next();
      await session.post(...malformed[what]);
      await session.closed(AT_ONCE_MS);
    });
  }

  it("an event before CONNECT", async () => {
    const session = await PollingSession.open(server, { path: PATH });
    await session.post('42["message",1]');
    await session.closed(AT_ONCE_MS);
  });

  it("binary that is no base64", async () => {
    const session = await PollingSession.open(server, { path: PATH });
    await session.send("40");
    await session.next();
    await session.next();
    await session.post(`451-["message",${slot(0)}]`, "b****");
    // Node decodes what it can and goes on; closing is as good. The witness must not notice either way.
    const answer = await session.next().catch(() => "1");
    assert.ok(answer === "1" || answer.startsWith("451-"), answer);
  });
});
