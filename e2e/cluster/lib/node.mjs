// A Socket.IO server of Node.js with the official adapter.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

/** Answers may take so long that none is a timeout. */
export const FOREVER = 600_000;

/** A Node.js server; with a name, sids begin with it and `_`. */
export async function startNode(redisUrl, format, name) {
  const clients = [createClient({ url: redisUrl }), createClient({ url: redisUrl })];
  for (const client of clients) {
    client.on("error", () => {});
    await client.connect();
  }
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
    async stop() {
      await io.close();
      // What the adapter still has to say, to end its subscriptions, goes out first.
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
