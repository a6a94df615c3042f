// Connection state recovery of the official client on two nodes: on the node where it was, what the other one broadcast
// meanwhile is recovered, in order and once; on the other one, and over what the bus may have lost, it is not.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, afterEach, before, describe, it } from "node:test";
import { connect, eventually } from "../lib/clients.mjs";
import { startPlaza, startRedis } from "../lib/processes.mjs";

for (const format of ["sharded", "classic"]) {
  describe(`recovery, ${format} adapter`, () => {
    let redis, here, there, ben;
    const open = [];
    before(async () => {
      redis = await startRedis();
      [here, there] = await Promise.all(["a", "b"].map((name) => startPlaza(redis, format, name, ["--recovery"])));
    });
    after(async () => {
      for (const server of [here, there, redis]) await server?.stop();
    });
    afterEach(() => open.splice(0).forEach((client) => client.close()));

    /** A client that has heard something, so that it knows a position. */
    async function someone(url, room) {
      const client = await connect(url, { rooms: [room] });
      open.push(client);
      return client;
    }

    /** Ben is on the other node, in a room of his own: nobody but Ana keeps hers alive on this one. */
    async function both(room) {
      const ana = await someone(here.url, room);
      ben = await someone(there.url, "elsewhere");
      await ben.do("emit", { rooms: [room], event: "msg", args: ["first"] });
      assert.deepEqual((await ana.next("msg"))[0], "first");
      return ana;
    }

    const say = (room, text) => ben.do("emit", { rooms: [room], event: "msg", args: [text] });

    /** Without a goodbye. */
    async function cut(client) {
      client.socket.io.engine.close();
      await eventually("the connection to end", () => !client.socket.connected);
      client.forget();
    }

    async function back(client) {
      client.socket.connect();
      await eventually("the client to be back", () => client.socket.connected);
    }

    it("is exact on the node where it was: what came from the other one meanwhile, in order and once", async () => {
      const ana = await both("red");
      await cut(ana);
      // Longer than a room lingers that nobody is in.
      await say("red", "at once");
      await new Promise((wake) => setTimeout(wake, 2_500));
      for (let number = 0; number < 20; number++) await say("red", `missed ${number}`);
      await say("blue", "not for her");
      await new Promise((wake) => setTimeout(wake, 300));
      await back(ana);
      assert.equal(ana.socket.recovered, true);
      assert.equal(ana.socket.id, ana.id);
      await say("red", "last");
      await eventually("the last", () => ana.heard.some(([, text]) => text === "last"));
      const texts = ana.heard.filter(([event]) => event === "msg").map(([, text]) => text);
      assert.deepEqual(texts, ["at once", ...Array.from({ length: 20 }, (_, number) => `missed ${number}`), "last"]);
    });

    it("is not offered on the other node", async () => {
      const ana = await both("red");
      await cut(ana);
      ana.socket.io.uri = there.url;
      ana.socket.io.engine = undefined;
      await back(ana);
      assert.equal(ana.server(), "b");
      assert.equal(ana.socket.recovered, false);
      assert.notEqual(ana.socket.id, ana.id);
    });

    it("is not offered over what the bus may have lost", async () => {
      const ana = await both("red");
      await cut(ana);
      // Redis lets everybody go; both nodes come back to it.
      for (const type of ["normal", "pubsub"]) {
        spawnSync("redis-cli", ["-u", redis.url, "client", "kill", "type", type]);
      }
      await eventually("the bus to carry again", async () => {
        const other = await someone(here.url, "fence");
        await say("fence", "there");
        await new Promise((wake) => setTimeout(wake, 100));
        return other.times("msg") > 0;
      });
      await back(ana);
      assert.equal(ana.socket.recovered, false);
      // From here on it is exact again.
      await ana.join("red");
      await say("red", "again");
      await ana.next("msg");
      const id = ana.socket.id;
      await cut(ana);
      await say("red", "missed");
      await new Promise((wake) => setTimeout(wake, 300));
      await back(ana);
      assert.deepEqual([ana.socket.recovered, ana.socket.id, (await ana.next("msg"))[0]], [true, id, "missed"]);
    });
  });
}
