// The real `plaza`, two nodes of it, and a Node.js server that shares its rooms: what is said in a room is heard by the
// service's clients, what the service tells the room its members hear, and chat follows from nothing but the log.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, eventually } from "../lib/clients.mjs";
import { startNode } from "../lib/node.mjs";
import { startPlazaServer, startPostgres, startRedis } from "../lib/processes.mjs";

for (const format of ["sharded", "classic"]) {
  describe(`plaza and Node.js with the ${format} adapter`, () => {
    const stops = [];
    let nodes, node, ana, ben, eve, watcher, roomId;

    before(async () => {
      const redis = await startRedis();
      const postgres = await startPostgres();
      stops.push(redis.stop, postgres.stop);
      nodes = [];
      for (let count = 0; count < 2; count++) nodes.push(await startPlazaServer(redis, postgres, format));
      node = await startNode(redis, format);
      stops.push(...[...nodes, node].map(({ stop }) => stop));
      ana = await connect(nodes[0].url, { auth: { guest: "Ana" } });
      ben = await connect(nodes[1].url, { auth: { guest: "Ben" } });
      eve = await connect(nodes[1].url, { auth: { guest: "Eve" } });
      watcher = await connect(node.url);
      const created = await ana.ask("room:create", { kind: "public", name: "Lobby", id: "lobby" });
      assert.ok(created.ok, JSON.stringify(created));
      roomId = created.room.id;
      assert.ok((await ben.ask("room:join", { roomId })).ok);
      await watcher.join(roomId);
    });

    after(async () => {
      for (const client of [ana, ben, eve, watcher]) client?.close();
      for (const stop of stops.reverse()) await stop();
    });

    let said = 0;
    const say = async (text) => {
      const message = { roomId, clientId: `c${++said}`, kind: "text", body: { text } };
      const answer = await ana.ask("message:send", message);
      assert.ok(answer.ok, JSON.stringify(answer));
      return answer.seq;
    };

    it("what is said in a room is heard by members on all nodes and by the service's clients", async () => {
      // Node says nothing of when it hears a room.
      await eventually("the service to hear the room", async () => {
        await say("warm");
        return watcher.times("message") > 0;
      });
      const seq = await say("hello");
      const heard = async (client) => {
        for (;;) {
          const [event] = await client.next("message");
          if (event.seq === seq) return event;
        }
      };
      const [toBen, toWatcher] = [await heard(ben), await heard(watcher)];
      assert.deepEqual(toWatcher, toBen);
      assert.equal(toBen.body.text, "hello");
      assert.equal(ben.times("message"), said);
    });

    it("what the service tells a room its members hear, wherever they are, and nobody else", async () => {
      await eventually("both to hear it", () => {
        node.io.to(roomId).emit("order:ready", { order: 7 });
        return ana.times("order:ready") > 0 && ben.times("order:ready") > 0;
      });
      assert.deepEqual(await ben.next("order:ready"), [{ order: 7 }]);
      assert.equal(eve.times("order:ready"), 0);
      const sockets = await node.io.in(roomId).timeout(600_000).fetchSockets();
      assert.deepEqual(sockets.map(({ id }) => id).sort(), [ana.id, ben.id, watcher.id].sort());
    });

    it("a service cannot speak for Plaza, nor let anybody into a room", async () => {
      for (const client of [ana, ben, eve, watcher]) client.forget();
      const forged = { type: "message", roomId, seq: 999, id: "m_forged", body: { text: "forged" } };
      node.io.to(roomId).emit("message", forged);
      node.io.in(eve.id).socketsJoin(roomId);
      await eventually("Eve to be in the Socket.IO room", () => {
        node.io.to(roomId).emit("after");
        return eve.times("after") > 0 && ben.times("after") > 0;
      });
      const seq = await say("for members");
      const [toBen] = await ben.next("message");
      assert.deepEqual([toBen.seq, toBen.body.text], [seq, "for members"]);
      // What comes later has come, and the message has not.
      await eventually("something later", () => {
        node.io.to(roomId).emit("later");
        return eve.times("later") > 0;
      });
      assert.equal(eve.times("message"), 0);
      assert.equal(ana.times("message") + ben.times("message"), 2);
      for (const plaza of nodes) {
        assert.equal(await plaza.figure("plaza_foreign_reserved_total"), 1);
        assert.equal(await plaza.figure("plaza_foreign_malformed_total"), 0);
      }
    });
  });
}
