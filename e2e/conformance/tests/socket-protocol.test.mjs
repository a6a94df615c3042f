// The Socket.IO protocol v5 over a bare WebSocket: connecting, leaving, events, acknowledgements, attachments.
//
// The cases follow the protocol's document. What must close the connection is in socket-malformed.test.mjs.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { EchoServer } from "../lib/server.mjs";
import { PollingSession, WireSocket } from "../lib/wire.mjs";

const PATH = "/socket.io/";

let server;
before(async () => {
  server = await EchoServer.start();
});
after(() => server?.kill());

const open = (options) => WireSocket.open(server, { path: PATH, ...options });

/** Sends a CONNECT packet and returns the sid of the answer, after its `auth` event. */
async function join(socket, namespace = "/", auth = "") {
  const prefix = namespace === "/" ? "" : `${namespace},`;
  await socket.send(`40${prefix}${auth}`);
  const answer = await socket.next();
  const head = `40${prefix}`;
  assert.ok(answer.startsWith(head), `expected ${head}…, got ${answer}`);
  const connected = JSON.parse(answer.slice(head.length));
  assert.deepEqual(Object.keys(connected), ["sid"]);
  assert.equal(await socket.next(), `42${prefix}["auth",${auth || "{}"}]`);
  return connected.sid;
}

describe("connecting", () => {
  it("joins the main namespace, without and with a payload", async () => {
    for (const auth of ["", '{"token":"123"}', '{"a":{"b":["c",1,null,true]}}']) {
      const socket = await open();
      await join(socket, "/", auth);
      socket.close();
    }
  });

  it("joins a custom namespace, without and with a payload", async () => {
    for (const auth of ["", '{"token":"abc"}']) {
      const socket = await open();
      await join(socket, "/custom", auth);
      socket.close();
    }
  });

  it("gives public sids of 20 characters, one a namespace, none of them the session's", async () => {
    const socket = await open();
    const sids = [await join(socket), await join(socket, "/custom")];
    for (const sid of sids) assert.match(sid, /^[A-Za-z0-9_-]{20}$/);
    assert.equal(new Set([...sids, socket.sid]).size, 3);
    socket.close();
  });

  it("refuses an unknown namespace and goes on", async () => {
    const socket = await open();
    for (const namespace of ["/random", "/custom2", "/Custom", "/custom/"]) {
      socket.send(`40${namespace},{"token":"x"}`);
      assert.equal(await socket.next(), `44${namespace},{"message":"Invalid namespace"}`);
    }
    await join(socket);
    socket.close();
  });

  it("closes the transport when no CONNECT comes in time", async () => {
    const socket = await open();
    const start = Date.now();
    await socket.closed();
    const elapsed = Date.now() - start;
    assert.ok(elapsed > 850 && elapsed < 3000, `it took ${elapsed} ms`);
  });

  it("closes it also when the only CONNECT was refused", async () => {
    const socket = await open();
    socket.send("40/random,");
    await socket.next();
    await socket.closed(3000);
  });

  it("keeps a client that has connected past that time", async () => {
    const socket = await open();
    await join(socket);
    await assert.rejects(socket.closed(1500), /no end/);
    socket.send('42["message","alive"]');
    assert.equal(await socket.next(), '42["message-back","alive"]');
    socket.close();
  });
});

describe("leaving", () => {
  it("leaves one namespace and keeps the transport and the other", async () => {
    for (const [gone, left] of [["", "/custom,"], ["/custom,", ""]]) {
      const socket = await open();
      await join(socket);
      await join(socket, "/custom");
      socket.send(`41${gone}`, `42${left}["message",1]`);
      assert.equal(await socket.next(), `42${left}["message-back",1]`);
      socket.close();
    }
  });

  it("keeps the transport when the last namespace is left, and joins again", async () => {
    const socket = await open();
    const first = await join(socket);
    // Any answer says that the leaving is done: Node's server takes a CONNECT at its heels for a second one.
    socket.send("41", "40/random,");
    await socket.next();
    const second = await join(socket);
    assert.notEqual(first, second);
    socket.close();
  });
});

describe("events", () => {
  const cases = [
    ['1,"2",{"3":[true]}', "values of every kind"],
    ["", "no arguments"],
    ["null,false,0,-1.5,1e+21", "null, false, numbers"],
    ['{"nested":{"deep":[[[{"er":"x"}]]]}},[]', "nested structures"],
    ['"utf8 — string","日本語","👩‍👩‍👧‍👦 💬"', "unicode"],
    ['"\\"quotes\\" \\\\ \\n \\u0000"', "escapes"],
    ['"42[\\"message\\"]","451-","/custom,"', "text that looks like packets"],
    ['{"_placeholder":false}', "an object that looks like a placeholder"],
  ];

  for (const [prefix, where] of [["", "the main namespace"], ["/custom,", "a custom namespace"]]) {
    it(`come back with the same arguments in ${where}`, async () => {
      const socket = await open();
      await join(socket, prefix ? "/custom" : "/");
      for (const [sent, what] of cases) {
        const tail = sent ? `,${sent}` : "";
        socket.send(`42${prefix}["message"${tail}]`);
        const [event, ...back] = JSON.parse((await socket.next()).slice(2 + prefix.length));
        assert.equal(event, "message-back", what);
        assert.deepEqual(back, JSON.parse(`[${sent}]`), what);
      }
      socket.close();
    });

    it(`are acknowledged with the same arguments in ${where}`, async () => {
      const socket = await open();
      await join(socket, prefix ? "/custom" : "/");
      for (const [number, [sent, what]] of [...cases, cases[0]].entries()) {
        const id = [0, 1, 456, 2 ** 31, 2 ** 53 - 1][number] ?? number;
        socket.send(`42${prefix}${id}["message-with-ack"${sent ? `,${sent}` : ""}]`);
        const answer = await socket.next();
        const head = `43${prefix}${id}`;
        assert.ok(answer.startsWith(head), answer);
        assert.deepEqual(JSON.parse(answer.slice(head.length)), JSON.parse(`[${sent}]`), what);
      }
      socket.close();
    });
  }

  it("that nobody listens for are ignored, and so is an answer nobody waits for", async () => {
    const socket = await open();
    await join(socket);
    socket.send('42["nobody",1]', '425["nobody",1]', '43999["x"]', '42[7,"a number as a name"]', '42["message","after"]');
    assert.equal(await socket.next(), '42["message-back","after"]');
    socket.close();
  });

  it("come back in the order they were sent, events and acknowledgements alike", async () => {
    const socket = await open();
    await join(socket);
    const count = 500;
    for (let n = 0; n < count; n += 1) socket.send(n % 2 ? `42["message",${n}]` : `42${n}["message-with-ack",${n}]`);
    for (let n = 0; n < count; n += 1) {
      assert.equal(await socket.next(), n % 2 ? `42["message-back",${n}]` : `43${n}[${n}]`);
    }
    socket.close();
  });
});

describe("attachments", () => {
  const [one, two] = [Buffer.from([1, 2, 3]), Buffer.from([4, 0, 255, 6])];
  const slots = '{"_placeholder":true,"num":0},{"nested":[{"_placeholder":true,"num":1}]}';

  for (const prefix of ["", "/custom,"]) {
    it(`come back in an event, in ${prefix || "/"}`, async () => {
      const socket = await open();
      await join(socket, prefix ? "/custom" : "/");
      socket.send(`452-${prefix}["message",${slots}]`, one, two);
      assert.equal(await socket.next(), `452-${prefix}["message-back",${slots}]`);
      assert.ok((await socket.next()).equals(one));
      assert.ok((await socket.next()).equals(two));
      socket.close();
    });

    it(`come back in an acknowledgement, in ${prefix || "/"}`, async () => {
      const socket = await open();
      await join(socket, prefix ? "/custom" : "/");
      socket.send(`452-${prefix}789["message-with-ack",${slots}]`, one, two);
      assert.equal(await socket.next(), `462-${prefix}789[${slots}]`);
      assert.ok((await socket.next()).equals(one));
      assert.ok((await socket.next()).equals(two));
      socket.close();
    });
  }

  it("may be empty, and may be several", async () => {
    const socket = await open();
    await join(socket);
    const sent = Array.from({ length: 8 }, (_, n) => Buffer.alloc(n, n));
    const list = sent.map((_, num) => JSON.stringify({ _placeholder: true, num })).join(",");
    socket.send(`458-["message",${list}]`, ...sent);
    assert.equal(await socket.next(), `458-["message-back",${list}]`);
    for (const buffer of sent) assert.ok((await socket.next()).equals(buffer));
    socket.close();
  });

  it("do not mix when events with and without them are pipelined", async () => {
    const socket = await open();
    await join(socket);
    const slot = '{"_placeholder":true,"num":0}';
    for (let n = 0; n < 50; n += 1) socket.send(`451-["message",${slot}]`, Buffer.from([n]), `42["message",${n}]`);
    for (let n = 0; n < 50; n += 1) {
      assert.equal(await socket.next(), `451-["message-back",${slot}]`);
      assert.deepEqual(await socket.next(), Buffer.from([n]));
      assert.equal(await socket.next(), `42["message-back",${n}]`);
    }
    socket.close();
  });

  it("travel as base64 over polling, both ways", async () => {
    const session = await PollingSession.open(server, { path: PATH });
    await join(session);
    await session.send('451-["message",{"_placeholder":true,"num":0}]', "bAQIDBA==");
    assert.equal(await session.next(), '451-["message-back",{"_placeholder":true,"num":0}]');
    assert.equal(await session.next(), "bAQIDBA==");
    await session.send('451-7["message-with-ack",{"_placeholder":true,"num":0}]', "bAQIDBA==");
    assert.equal(await session.next(), '461-7[{"_placeholder":true,"num":0}]');
    assert.equal(await session.next(), "bAQIDBA==");
  });
});

describe("over polling", () => {
  it("connects, speaks in two namespaces and leaves one", async () => {
    const session = await PollingSession.open(server, { path: PATH });
    await join(session, "/", '{"token":"123"}');
    await join(session, "/custom");
    await session.send('42["message",1]', '42/custom,3["message-with-ack","é"]');
    assert.equal(await session.next(), '42["message-back",1]');
    assert.equal(await session.next(), '43/custom,3["é"]');
    await session.send("41", '42/custom,["message",2]');
    assert.equal(await session.next(), '42/custom,["message-back",2]');
  });
});
