// The echo application on Node's own engine.io and socket.io: the measure.
//
// A test that fails here is wrong; one that fails only against Plaza has found a difference. The same command line as
// crates/socketio/examples/echo.rs: `node reference.mjs [PORT] [--engine] [--deflate]`.
import { createServer } from "node:http";
import { Server as EngineServer } from "engine.io";
import { Server as SocketServer } from "socket.io";

const args = process.argv.slice(2);
const SETTINGS = {
  pingInterval: 300,
  pingTimeout: 200,
  maxHttpBufferSize: 1_000_000,
  perMessageDeflate: args.includes("--deflate") && { threshold: 64 },
};
const port = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 3000);

const http = createServer((_request, response) => response.writeHead(404).end());

if (args.includes("--engine")) {
  const engine = new EngineServer(SETTINGS);
  engine.attach(http, { path: "/engine.io/" });
  engine.on("connection", (socket) => socket.on("data", (data) => socket.send(data)));
} else {
  const io = new SocketServer(http, { ...SETTINGS, connectTimeout: 1000, serveClient: false });
  const echo = (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...sent) => socket.emit("message-back", ...sent));
    socket.on("message-with-ack", (...sent) => {
      const ack = sent.pop();
      ack(...sent);
    });
  };
  io.on("connection", echo);
  io.of("/custom").on("connection", echo);
}

http.listen(port, "127.0.0.1");
