// The echo application on Node's own engine.io and socket.io: the measure.
//
// A test that fails here is wrong; one that fails only against Plaza has found a difference. The same command line as
// crates/socketio/examples/echo.rs: `node reference.mjs [PORT] [--engine] [--msgpack] [--deflate] [--patient]`; with
// `--recovery` it is examples/recovery.rs.
import { createServer } from "node:http";
import { Server as EngineServer } from "engine.io";
import { Server as SocketServer } from "socket.io";
import * as msgpack from "socket.io-msgpack-parser";

const args = process.argv.slice(2);
const patient = args.includes("--patient");
const SETTINGS = {
  pingInterval: 300,
  pingTimeout: patient ? 20_000 : 200,
  maxHttpBufferSize: 1_000_000,
  perMessageDeflate: args.includes("--deflate") && { threshold: 64 },
};
const port = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 3000);

const http = createServer((_request, response) => response.writeHead(404).end());

if (args.includes("--engine")) {
  const engine = new EngineServer(SETTINGS);
  engine.attach(http, { path: "/engine.io/" });
  engine.on("connection", (socket) => socket.on("data", (data) => socket.send(data)));
} else if (args.includes("--recovery")) {
  const io = new SocketServer(http, { connectionStateRecovery: { skipMiddlewares: false }, serveClient: false });
  io.on("connection", (socket) => {
    if (!socket.recovered) {
      socket.data.name = socket.handshake.auth.name ?? "nobody";
      socket.join(socket.handshake.auth.rooms ?? []);
    }
    socket.on("write", (room, ...written) => {
      const ack = typeof written.at(-1) === "function" ? written.pop() : () => {};
      io.to(room).emit("written", ...written);
      ack();
    });
    socket.on("whisper", (room, ...written) => io.to(room).volatile.emit("whispered", ...written));
    socket.on("whoami", (ack) => {
      const rooms = [...socket.rooms].filter((room) => room !== socket.id).sort();
      ack({ name: socket.data.name, rooms, recovered: socket.recovered });
    });
  });
} else {
  const parser = args.includes("--msgpack") ? { parser: msgpack } : {};
  const io = new SocketServer(http, { ...SETTINGS, ...parser, connectTimeout: patient ? 45_000 : 1000, serveClient: false });
  const echo = (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...sent) => socket.emit("message-back", ...sent));
    socket.on("message-with-ack", (...sent) => {
      const ack = sent.pop();
      ack(...sent);
    });
    socket.on("volatile", (...sent) => socket.volatile.emit("volatile-back", ...sent));
    socket.on("ask-all", (room, within, ack) => {
      socket.nsp.to(room).timeout(within).emit("question", (error, answers) => ack(!error, answers));
    });
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack();
    });
    socket.on("fetch", async (room, ack) => ack((await socket.nsp.in(room).fetchSockets()).map(({ id }) => id)));
    socket.use(([name], next) => next(name === "forbidden" ? new Error("not allowed") : undefined));
    socket.on("error", ({ message }) => socket.emit("refused", { message }));
  };
  io.on("connection", echo);
  io.of("/custom").on("connection", echo);
  io.of(/^\/dynamic-\d+$/).on("connection", echo);
}

http.listen(port, "127.0.0.1");
