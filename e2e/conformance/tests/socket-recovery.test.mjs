// Connection state recovery with the official client, whose connection a proxy cuts.
//
// What Node's own server is known to get wrong is asked only of Plaza, and says so.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { io } from "socket.io-client";
import { next, within } from "../lib/deadline.mjs";
import { MODES } from "../lib/modes.mjs";
import { Proxy } from "../lib/proxy.mjs";
import { EchoServer, isReference } from "../lib/server.mjs";

// The client does not hear of a connection that ends before its first packet: it waits for its time-out.
const BACK_OFF = { reconnectionDelay: 20, reconnectionDelayMax: 40, timeout: 1000 };

let server;
let writer;
let proxy;
let reader;
before(async () => {
  server = await EchoServer.start({ recovery: true });
  writer = io(server.url, { transports: ["websocket"], forceNew: true, auth: { name: "writer" } });
  await next(writer, "connect");
});
after(async () => {
  writer?.disconnect();
  await server?.kill();
});
afterEach(() => {
  reader?.disconnect();
  proxy?.close();
});

const write = (...args) => writer.timeout(5000).emitWithAck("write", ...args);

for (const [name, transports] of Object.entries(MODES)) {
  /** A reader of `room` that has had one event, whose upgrade is done, and what it reads from then on. */
  async function reading(room) {
    proxy = await Proxy.before(server.port);
    reader = io(proxy.url, { transports, forceNew: true, ...BACK_OFF, auth: { name: "ana", rooms: [room] } });
    const upgraded = transports.length > 1
      ? within(new Promise((resolve) => reader.io.once("open", () => reader.io.engine.once("upgrade", resolve))), "upgrade")
      : null;
    await next(reader, "connect");
    await upgraded;
    const first = next(reader, "written");
    await write(room, "first");
    assert.equal((await first)[0], "first");
    const read = [];
    reader.on("written", (...args) => read.push(args));
    return read;
  }

  /** Resolves once `read` has so many lines. */
  async function has(read, count) {
    const deadline = Date.now() + 10_000;
    while (read.length < count) {
      assert.ok(Date.now() < deadline, `${read.length} of ${count} lines came`);
      await delay(5);
    }
  }

  async function cut(how = "cut") {
    const gone = next(reader, "disconnect");
    proxy[how]();
    await gone;
  }

  async function mended() {
    const back = next(reader, "connect", 10_000);
    proxy.mend();
    await back;
  }

  const fault = (what) => ({ skip: isReference && `known of Node's server: ${what}` });
  // Between two polls of a client it does not know that the connection is cut.
  const unnoticed = transports.includes("websocket") ? {} : fault("it keeps a session only when it ends");

  const firsts = (read) => read.map(([line]) => line);

  describe(`a recovered connection, ${name}`, () => {
    it("is the same socket, with its data and rooms, and reads what it missed, once and in order", unnoticed, async () => {
      const read = await reading("kitchen");
      const { id } = reader;
      await cut();
      for (const line of ["one", "two", "three"]) await write("kitchen", line);
      await write("cellar", "not for her");
      await write(id, "for her alone");
      await mended();
      assert.ok(reader.recovered);
      assert.equal(reader.id, id);
      await write("kitchen", "four");
      await has(read, 5);
      assert.deepEqual(firsts(read), ["one", "two", "three", "for her alone", "four"]);
      const who = await reader.timeout(5000).emitWithAck("whoami");
      assert.deepEqual(who, { name: "ana", rooms: ["kitchen"], recovered: true });
    });

    it("works again and again", unnoticed, async () => {
      const read = await reading("again");
      const { id } = reader;
      for (let round = 0; round < 4; round += 1) {
        await cut();
        await write("again", round);
        await mended();
        assert.ok(reader.recovered, `round ${round}`);
        assert.equal(reader.id, id);
        await has(read, round + 1);
      }
      assert.deepEqual(firsts(read), [0, 1, 2, 3]);
    });

    it("reads bytes that it missed", unnoticed, async () => {
      const read = await reading("files");
      await cut();
      await write("files", { name: "a", parts: [Buffer.from("one"), Buffer.from([0, 255])] }, Buffer.from("two"));
      await mended();
      assert.ok(reader.recovered);
      await has(read, 1);
      const [file, two] = read[0];
      assert.deepEqual(file, { name: "a", parts: [Buffer.from("one"), Buffer.from([0, 255])] });
      assert.deepEqual(two, Buffer.from("two"));
    });

    it("is a new one when it left by itself", async () => {
      await reading("left");
      const { id } = reader;
      reader.disconnect();
      reader.connect();
      await next(reader, "connect");
      assert.ok(!reader.recovered);
      assert.notEqual(reader.id, id);
    });

    it("is not led astray by a volatile event that ends with a text", fault("it takes the text for a position"), async () => {
      const read = await reading("volatile");
      const whispered = within(new Promise((resolve) => {
        reader.once("whispered", resolve);
        const again = setInterval(() => writer.emit("whisper", "volatile", "psst"), 20);
        reader.once("whispered", () => clearInterval(again));
      }), "whisper");
      assert.equal(await whispered, "psst");
      await cut();
      await write("volatile", "one");
      await mended();
      assert.ok(reader.recovered);
      await has(read, 1);
      assert.deepEqual(firsts(read), ["one"]);
    });

    it("comes back though the server has not noticed", fault("it keeps a session only when it ends"), async () => {
      const read = await reading("unnoticed");
      const { id } = reader;
      await cut("vanish");
      await write("unnoticed", "one");
      await mended();
      assert.ok(reader.recovered);
      assert.equal(reader.id, id);
      await write("unnoticed", "two");
      await has(read, 2);
      assert.deepEqual(firsts(read), ["one", "two"]);
    });

    it("comes back though it has read nothing yet", fault("it wants a position"), async () => {
      proxy = await Proxy.before(server.port);
      reader = io(proxy.url, { transports, forceNew: true, ...BACK_OFF, auth: { name: "ana", rooms: ["nothing"] } });
      await next(reader, "connect");
      const { id } = reader;
      await cut();
      const written = next(reader, "written");
      await write("nothing", "one");
      await mended();
      assert.ok(reader.recovered);
      assert.equal(reader.id, id);
      assert.equal((await written)[0], "one");
    });

    // A client whose WebSocket ends between the probe and the change-over polls no more until its heartbeat fails: not
    // worth waiting for here.
    const settled = transports.length > 1 ? { skip: "see above" } : fault("cut while it recovers, it reads twice");
    it("reads what it missed once, whichever of its bytes is the last to come", settled, async () => {
      const read = await reading("bytes");
      const { id } = reader;
      const written = [];
      const STEP = 29;
      // From nothing of the server's answers to all of them, CONNECT and what was missed among them.
      for (let bytes = 1, whole = false; !whole; bytes += STEP) {
        if (reader.connected) await cut();
        else proxy.cut();
        for (const line of ["a", "b", "c", "d"]) {
          written.push(`${bytes}${line}`);
          await write("bytes", `${bytes}${line}`);
        }
        const lost = proxy.mendFor(bytes).then(() => "cut");
        const all = has(read, written.length).then(() => "all");
        whole = await Promise.race([lost, all]) === "all";
        if (!whole) {
          proxy.mend();
          await all;
        }
        assert.deepEqual(firsts(read), written, `cut after ${bytes} bytes`);
        assert.ok(reader.recovered && reader.id === id, `cut after ${bytes} bytes`);
      }
    });

    it("reads everything once and in order, wherever it is cut", fault("cut while it recovers, it reads twice"), async () => {
      const read = await reading("stress");
      const { id } = reader;
      const LINES = 400;
      let same = true;
      reader.on("connect", () => (same &&= reader.recovered && reader.id === id));
      let writing = true;
      const cutting = (async () => {
        let cuts = 0;
        while (writing || cuts < 10) {
          await delay(Math.random() * 30);
          proxy.cut();
          cuts += 1;
          await delay(Math.random() * 10);
          proxy.mend();
          await delay(Math.random() * 60);
        }
      })();
      // Long lines, so that cuts fall into them; all of them together fit half an outbox.
      const padding = "x".repeat(1_000);
      for (let line = 0; line < LINES; line += 1) {
        await write("stress", line, padding);
        if (line % 4 === 0) await delay(1);
      }
      writing = false;
      await cutting;
      await has(read, LINES);
      assert.deepEqual(firsts(read), Array.from({ length: LINES }, (_, line) => line));
      assert.ok(same);
    });
  });
}
