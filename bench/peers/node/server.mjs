// The small application on Node.js's socket.io: `node server.mjs PORT [--redis URL] [--classic]`.
//
// With --redis it shares its rooms with other processes of its kind: over sharded pub/sub, or with --classic over
// PUBLISH and SUBSCRIBE. Nothing is changed from the packages' defaults but who may come.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { redis: { type: "string" }, classic: { type: "boolean", default: false } },
});

const http = createServer();
const io = new Server(http, { transports: ["websocket"] });
if (values.redis) {
  const publisher = createClient({ url: values.redis });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter((values.classic ? createAdapter : createShardedAdapter)(publisher, subscriber));
}

io.on("connection", (socket) => {
  socket.on("join", async (room, ack) => {
    await socket.join(room);
    ack({ ok: true });
  });
  socket.on("msg", (room, text, t0, ack) => {
    io.to(room).emit("msg", { room, text, t0 });
    ack({ ok: true });
  });
  socket.on("echo", (text, ack) => ack(text));
});

http.listen(Number(positionals[0] ?? 3000), "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
