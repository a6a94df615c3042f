// A Socket.IO server of Node.js with the official adapter.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createClient, createCluster } from "redis";
import { Server } from "socket.io";

/** Answers may take so long that none is a timeout. */
export const FOREVER = 600_000;

/** A connected client of one Redis server or of a cluster. */
export async function connectRedis({ url, urls, isCluster }) {
  const rootNodes = urls.map((seed) => ({ url: seed }));
  // The adapter counts subscribers on every master, for which it wants a connection to each.
  const client = isCluster ? createCluster({ rootNodes, minimizeConnections: false }) : createClient({ url });
  client.on("error", () => {});
  await client.connect();
  // The adapter does not wait for what it says last, which may end with the connection.
  for (const name of ["publish", "sPublish", "sUnsubscribe", "unsubscribe", "pUnsubscribe"]) {
    const command = client[name].bind(client);
    client[name] = (...words) => command(...words).catch(() => {});
  }
  return client;
}

/** A Node.js server; with a name, sids begin with it and `_`. */
export async function startNode(redis, format, name) {
  const clients = [await connectRedis(redis), await connectRedis(redis)];
  const adapter =
    format === "classic"
      ? createAdapter(...clients, { requestsTimeout: FOREVER })
      : createShardedAdapter(...clients, { subscriptionMode: "dynamic" });
  const http = createServer();
  const io = new Server(http, { adapter });
  if (name) io.engine.generateId = () => `${name}_${randomBytes(15).toString("base64url")}`;
  for (const namespace of [io.of("/"), io.of("/other")]) {
    namespace.on("connection", (socket) => {
      socket.data = { from: "node", id: socket.id };
      socket.on("join", (room, ack) => {
        socket.join(room);
        ack({ ok: true });
      });
    });
  }
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    io,
    url: `http://127.0.0.1:${http.address().port}`,
    /** How many servers there are, as Node.js counts them. */
    count: () => io.of("/").adapter.serverCount(),
    async stop() {
      await io.close();
      for (const client of clients) client.destroy();
    },
  };
}
