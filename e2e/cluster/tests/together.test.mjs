// Two Plaza nodes and two Node.js servers in one cluster, in both formats: whatever one does to the sockets of a room
// happens to those of all, and whoever waits for all has their answers at once.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { connect, eventually } from "../lib/clients.mjs";
import { FOREVER, connectRedis, startNode } from "../lib/node.mjs";
import { startPlaza, startRedis, startRedisCluster } from "../lib/processes.mjs";

/** Far below what any timeout is, here or in the adapters. */
const AT_ONCE = 3_000;

async function atOnce(ask) {
  const started = Date.now();
  const answer = await ask();
  const took = Date.now() - started;
  assert.ok(took < AT_ONCE, `took ${took} ms`);
  return answer;
}

const CARRIERS = { "one Redis": startRedis, "a Redis Cluster": startRedisCluster };
const FORMATS = Object.keys(CARRIERS).flatMap((carrier) => ["sharded", "classic"].map((format) => [format, carrier]));

for (const [format, carrier] of FORMATS) {
  describe(`${format} adapter over ${carrier}`, () => {
    const stops = [];
    let redis, plazas, nodes, room, clients, stranger;

    before(async () => {
      redis = await CARRIERS[carrier]();
      stops.push(redis.stop);
      plazas = await Promise.all([startPlaza(redis, format), startPlaza(redis, format)]);
      nodes = await Promise.all([startNode(redis, format), startNode(redis, format)]);
      stops.push(...[...plazas, ...nodes].map(({ stop }) => stop));
      // Node does not wait for its own subscriptions: here everybody is counted before anything is asked.
      await eventually("four servers", async () => (await nodes[0].count()) === 4);
    });

    after(async () => {
      for (const client of [...(clients ?? []), stranger]) client?.close();
      for (const stop of stops.reverse()) await stop();
    });

    let turn = 0;
    beforeEach(async () => {
      for (const client of clients ?? []) client.close();
      stranger?.close();
      room = `room ${++turn}`;
      clients = await Promise.all([...plazas, ...nodes].map(({ url }) => connect(url, { rooms: [room] })));
      stranger = await connect(plazas[0].url, { rooms: [`not ${room}`] });
      // Node says nothing of when it hears a room: when each has heard the other, both do.
      await eventually("Node's servers to hear the room", async () => {
        nodes.forEach(({ io }, at) => io.to(room).emit(`warm ${at}`));
        return clients.slice(2).every((client) => client.times("warm 0") > 0 && client.times("warm 1") > 0);
      });
      await sync();
      for (const client of [...clients, stranger]) client.forget();
    });

    /** Whatever was sent to the room before has come everywhere: from each Node.js server there is something later. */
    async function sync() {
      for (const { io } of nodes) {
        const mark = `mark ${++turn}`;
        io.to(room).emit(mark);
        await Promise.all(clients.map((client) => client.next(mark)));
      }
    }

    /** All of these hear the event of this name, once, and nobody else does. */
    async function only(hearers, name, args) {
      for (const client of hearers) assert.deepEqual(await client.next(name), args);
      await sync();
      for (const client of [...clients, stranger]) {
        assert.equal(client.times(name), hearers.includes(client) ? 1 : 0, name);
      }
    }

    it("Node emits to a room, to several, to all but some", async () => {
      const [p1, p2, n1, n2] = clients;
      nodes[0].io.to(room).emit("one", "x", { a: [1, null, "é"] });
      await only(clients, "one", ["x", { a: [1, null, "é"] }]);
      nodes[0].io.to(room).to("nobody's").except(p2.id).emit("two", 2);
      await only([p1, n1, n2], "two", [2]);
      nodes[0].io.to(p2.id).emit("three");
      await only([p2], "three", []);
      nodes[0].io.emit("all", 4);
      await only([...clients, stranger], "all", [4]);
      nodes[0].io.of("/other").emit("elsewhere");
      await only([], "elsewhere", []);
    });

    it("Plaza emits to a room, to several, to all but some", async () => {
      const [p1, p2, n1, n2] = clients;
      await p1.do("emit", { rooms: [room], event: "one", args: ["x", { a: [1, null, "é"] }] });
      await only(clients, "one", ["x", { a: [1, null, "é"] }]);
      await p1.do("emit", { rooms: [room, "nobody's"], except: [n2.id], event: "two", args: [2] });
      await only([p1, p2, n1], "two", [2]);
      await p1.do("emit", { rooms: [n2.id], event: "three" });
      await only([n2], "three", []);
      await p1.do("emit", { event: "all", args: [4] });
      await only([...clients, stranger], "all", [4]);
    });

    it("bytes travel both ways", async () => {
      const [p1] = clients;
      const bytes = Buffer.from([0, 1, 2, 255]);
      nodes[0].io.to(room).emit("from node", { file: bytes, more: [bytes] }, "end");
      for (const client of clients) {
        const [{ file, more }, end] = await client.next("from node");
        assert.deepEqual([Buffer.from(file), Buffer.from(more[0]), end], [bytes, bytes, "end"]);
      }
      await p1.do("emit", { rooms: [room], event: "from plaza", args: [{ file: bytes }, "end"] });
      for (const client of clients) {
        const [{ file }, end] = await client.next("from plaza");
        assert.deepEqual([Buffer.from(file), end], [bytes, "end"]);
      }
    });

    it("fetchSockets tells of the sockets of all, at once", async () => {
      const [p1] = clients;
      const ids = clients.map(({ id }) => id).sort();
      const fromNode = await atOnce(() => nodes[0].io.in(room).timeout(FOREVER).fetchSockets());
      assert.deepEqual(fromNode.map(({ id }) => id).sort(), ids);
      const told = fromNode.find(({ id }) => id === p1.id);
      assert.deepEqual(told.data, { from: "plaza", id: p1.id });
      assert.deepEqual([...told.rooms].sort(), [p1.id, room].sort());
      assert.deepEqual(told.handshake.headers, {});
      const { sockets } = await atOnce(() => p1.do("fetch", { rooms: [room] }));
      assert.deepEqual(sockets.map(({ id }) => id).sort(), ids);
      const node = sockets.find(({ data }) => data.from === "node");
      assert.deepEqual(node.rooms, [room]);
      assert.equal(node.handshake.query.EIO, "4");
      const none = await atOnce(() => nodes[1].io.in("nobody's").timeout(FOREVER).fetchSockets());
      assert.deepEqual(none, []);
    });

    it("sockets join, leave and are disconnected from afar", async () => {
      const [p1, p2, n1, n2] = clients;
      const members = async (name) => {
        const { sockets } = await p1.do("fetch", { rooms: [name] });
        return sockets.map(({ id }) => id).sort();
      };
      const will = async (name, wanted) => {
        const ids = wanted.map(({ id }) => id).sort();
        await eventually(`${name} to be as wanted`, async () => String(await members(name)) === String(ids));
      };
      nodes[0].io.in(room).except(p1.id).socketsJoin([`${room} a`, `${room} b`]);
      await will(`${room} a`, [p2, n1, n2]);
      await will(`${room} b`, [p2, n1, n2]);
      await p1.do("join", { rooms: [`${room} a`], room: `${room} c` });
      await will(`${room} c`, [p2, n1, n2]);
      nodes[0].io.in(p2.id).socketsLeave(`${room} c`);
      await will(`${room} c`, [n1, n2]);
      await p1.do("leave", { rooms: [n1.id], room: `${room} c` });
      await will(`${room} c`, [n2]);
      const gone = (client) => eventually("the client to be gone", () => client.socket.disconnected);
      nodes[0].io.in(p2.id).disconnectSockets(true);
      await gone(p2);
      await p1.do("disconnect", { rooms: [n1.id], close: true });
      await gone(n1);
      await p1.do("disconnect", { rooms: [n2.id] });
      await gone(n2);
      assert.ok(p1.socket.connected);
    });

    it("all clients acknowledge a broadcast of either, at once", async () => {
      const [p1] = clients;
      const names = ["p1", "p2", "n1", "n2"];
      clients.forEach((client, at) => client.socket.on("question", (asked, ack) => ack({ [names[at]]: asked })));
      const expected = names.map((name) => ({ [name]: 7 }));
      const sorted = (answers) => [...answers].sort((a, b) => names.indexOf(Object.keys(a)[0]) - names.indexOf(Object.keys(b)[0]));
      const fromNode = await atOnce(() => nodes[0].io.to(room).timeout(FOREVER).emitWithAck("question", 7));
      assert.deepEqual(sorted(fromNode), expected);
      const ask = { rooms: [room], event: "question", args: [7], withinMs: FOREVER };
      const { answers, missing } = await atOnce(() => p1.do("ask", ask));
      assert.deepEqual([sorted(answers), missing], [expected, undefined]);
      const nobody = await atOnce(() => nodes[1].io.to("nobody's").timeout(FOREVER).emitWithAck("question", 7));
      assert.deepEqual(nobody, []);
    });

    it("acknowledgements bring bytes and nothing at all", async () => {
      const [p1, p2, n1, n2] = clients;
      const bytes = Buffer.from([1, 2, 3]);
      p1.socket.on("question", (_, ack) => ack(bytes));
      n1.socket.on("question", (_, ack) => ack(bytes));
      p2.socket.on("question", (_, ack) => ack());
      n2.socket.on("question", (_, ack) => ack());
      const fromNode = await atOnce(() => nodes[0].io.to(room).timeout(FOREVER).emitWithAck("question", bytes));
      const shown = fromNode.map((answer) => (answer ? Buffer.from(answer).toString("hex") : "")).sort();
      assert.deepEqual(shown, ["", "", "010203", "010203"]);
      const ask = { rooms: [room], event: "question", args: [bytes], withinMs: FOREVER };
      const { answers } = await atOnce(() => p1.do("ask", ask));
      assert.deepEqual(answers.map((answer) => answer?.bytes ?? 0).sort(), [0, 0, 3, 3]);
    });

    it("servers tell each other, and answer each other at once", async () => {
      const [p1, p2, n1] = clients;
      for (const [at, { io }] of nodes.entries()) {
        io.removeAllListeners("question");
        io.removeAllListeners("tell");
        io.on("question", (asked, ack) => ack({ node: at, asked }));
        io.on("tell", (told) => io.local.emit("told", "tell", [told]));
      }
      const order = (answers) => answers.map((answer) => JSON.stringify(Object.entries(answer).sort())).sort();
      const fromNode = await atOnce(() => nodes[0].io.serverSideEmitWithAck("question", 1));
      assert.deepEqual(order(fromNode), order([{ plaza: [1] }, { plaza: [1] }, { node: 1, asked: 1 }]));
      const ask = { event: "question", args: [1], withinMs: FOREVER };
      const { answers } = await atOnce(() => p1.do("ask-servers", ask));
      const expected = [{ plaza: [1] }, { node: 0, asked: 1 }, { node: 1, asked: 1 }];
      assert.deepEqual(order(answers), order(expected));
      nodes[0].io.serverSideEmit("tell", 2);
      assert.deepEqual(await p1.next("told"), ["tell", [2]]);
      assert.deepEqual(await p2.next("told"), ["tell", [2]]);
      await p1.do("tell-servers", { event: "tell", args: [3] });
      assert.deepEqual(await p2.next("told"), ["tell", [3]]);
      for (;;) if ((await n1.next("told"))[1][0] === 3) break;
    });

    it("a name that is Plaza's own is dropped and counted", async () => {
      const [p1, p2] = clients;
      const before = await p1.do("figures");
      nodes[0].io.to(room).emit("reserved", "from outside");
      nodes[0].io.to(room).emit("fine");
      await Promise.all(clients.map((client) => client.next("fine")));
      // Node.js publishes through whichever server of a cluster, so what it says comes in no order.
      const figures = await eventually("it to be counted", async () => {
        const now = await p1.do("figures");
        return now.reserved > before.reserved && now;
      });
      await sync();
      assert.deepEqual([p1.times("reserved"), p2.times("reserved")], [0, 0]);
      assert.deepEqual([figures.reserved, figures.malformed], [before.reserved + 1, 0]);
    });

    if (format === "classic") {
      it("the emitter reaches all", async () => {
        const [p1, p2, n1, n2] = clients;
        const client = await connectRedis(redis);
        const emitter = new Emitter(client);
        const bytes = Buffer.from([9]);
        emitter.to(room).except(n2.id).emit("emitted", "x", bytes);
        for (const one of [p1, p2, n1]) {
          const [text, file] = await one.next("emitted");
          assert.deepEqual([text, Buffer.from(file)], ["x", bytes]);
        }
        emitter.in(room).socketsJoin(`${room} e`);
        const count = async (name) => (await p1.do("fetch", { rooms: [name] })).sockets.length;
        await eventually("all to have joined", async () => (await count(`${room} e`)) === 4);
        emitter.in(p2.id).socketsLeave(`${room} e`);
        await eventually("one to have left", async () => (await count(`${room} e`)) === 3);
        emitter.serverSideEmit("tell", 5);
        assert.deepEqual(await p1.next("told"), ["tell", [5]]);
        emitter.in(p2.id).disconnectSockets(true);
        await eventually("one to be gone", () => p2.socket.disconnected);
        client.destroy();
      });
    }

  });
}
