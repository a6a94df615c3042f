// The shape of a distributed chat over sharded Redis: `node reference-b.mjs --bus URL --bus URL --cache URL PORT`.
//
// Every user has a channel on one of the buses, chosen by xxHash64 of the user; a node listens to the channels of its own
// users. Who is in a chat stands in a set on the cache and is read at every write; each member gets a publish of its own,
// in MessagePack. Nothing is stored. It knows the small application's events `join` and `msg`.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { decode, encode } from "@msgpack/msgpack";
import { createClient } from "redis";
import { Server } from "socket.io";
import xxhash from "xxhash-wasm";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { bus: { type: "string", multiple: true }, cache: { type: "string" } },
});
const { h64 } = await xxhash();

const connected = async (url) => createClient({ url }).connect();
const cache = await connected(values.cache);
const buses = await Promise.all(
  values.bus.map(async (url) => ({ publisher: await connected(url), subscriber: await connected(url) })),
);
const busOf = (user) => buses[Number(h64(user) % BigInt(buses.length))];

const http = createServer();
const io = new Server(http, { transports: ["websocket"] });

io.on("connection", (socket) => {
  const user = socket.id;
  const { subscriber } = busOf(user);
  const listening = subscriber.subscribe(`user:${user}`, (bytes) => socket.emit("msg", decode(bytes)), true);
  socket.on("disconnect", () => subscriber.unsubscribe(`user:${user}`));
  socket.on("join", async (room, ack) => {
    await Promise.all([listening, cache.sAdd(`chat:${room}`, user)]);
    ack({ ok: true });
  });
  socket.on("msg", async (room, text, t0, ack) => {
    const members = await cache.sMembers(`chat:${room}`);
    const bytes = Buffer.from(encode({ room, text, t0 }));
    await Promise.all(members.map((member) => busOf(member).publisher.publish(`user:${member}`, bytes)));
    ack({ ok: true });
  });
});

http.listen(Number(positionals[0]), "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
