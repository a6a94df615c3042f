// Plaza nodes and Node.js servers behind one nginx: as docs/migrate-from-nodejs.md has it, a service moves from Node.js to
// Plaza while its clients are connected, and its rooms stay whole.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, eventually } from "../lib/clients.mjs";
import { startNginx } from "../lib/nginx.mjs";
import { startNode } from "../lib/node.mjs";
import { startPlaza, startRedis } from "../lib/processes.mjs";

const NODE = ["n1", "n2"];
const PLAZA = ["p1", "p2"];
const WAYS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };

describe("behind nginx", () => {
  const stops = [];
  const clients = [];
  let nginx;

  before(async () => {
    const redis = await startRedis();
    stops.push(redis.stop);
    const servers = {};
    for (const [names, startOne] of [[PLAZA, startPlaza], [NODE, startNode]]) {
      for (const name of names) {
        const { url, stop } = await startOne(redis, "sharded", name);
        servers[name] = url;
        stops.push(stop);
      }
    }
    nginx = await startNginx(servers, { default: PLAZA, orders: NODE });
    stops.push(nginx.stop);
  });

  after(async () => {
    for (const client of clients) client.close();
    for (const stop of stops.reverse()) await stop();
  });

  async function come(transports, service) {
    const client = await connect(nginx.url, { transports, query: service && { service } });
    clients.push(client);
    await client.join("table");
    return client;
  }

  /** All who are there hear what the first of them, at a Plaza node, says in the room. */
  async function allHear(speaker, text) {
    await eventually(`all to hear ${text}`, async () => {
      await speaker.do("emit", { rooms: ["table"], event: "said", args: [text] });
      return clients.every(({ heard }) => heard.some(([name, said]) => name === "said" && said === text));
    });
  }

  it("each goes to its service, and stays with its server", async () => {
    for (const transports of Object.values(WAYS)) {
      for (let turn = 0; turn < 3; turn++) {
        const chat = await come(transports);
        assert.ok(PLAZA.includes(chat.server()), chat.server());
        const order = await come(transports, "orders");
        assert.ok(NODE.includes(order.server()), order.server());
      }
    }
    const upgraded = clients.slice(-2);
    await eventually("the upgrade", () => upgraded.every((client) => client.transport() === "websocket"));
    // Each of the four has some of them.
    assert.deepEqual([...new Set(clients.map((client) => client.server()))].sort(), [...NODE, ...PLAZA]);
    await allHear(clients[0], "before");
    // A polling client that reached another server would have been disconnected by now.
    assert.ok(clients.every(({ socket }) => socket.connected));
  });

  it("a service moves while its clients are connected", async () => {
    const there = [...clients];
    nginx.move({ default: PLAZA, orders: PLAZA });
    await eventually("newcomers to come to Plaza", async () => {
      const order = await come(WAYS.upgrade, "orders");
      return PLAZA.includes(order.server());
    });
    await allHear(clients[0], "after");
    assert.ok(there.every(({ socket }) => socket.connected));
    assert.ok(there.some((client) => NODE.includes(client.server())));
  });
});
