// What the official socket.io-client does when its connection is lost: the reasons it names, and its coming back.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { io } from "socket.io-client";
import { collect, next } from "../lib/deadline.mjs";
import { MODES } from "../lib/modes.mjs";
import { EchoServer } from "../lib/server.mjs";

const BACK_OFF = { reconnectionDelay: 30, reconnectionDelayMax: 60 };

let server;
let socket;
beforeEach(async () => {
  server = await EchoServer.start();
});
afterEach(async () => {
  socket?.disconnect();
  await server?.kill();
});

for (const [name, transports] of Object.entries(MODES)) {
  async function connected(options = {}) {
    socket = io(server.url, { transports, forceNew: true, ...BACK_OFF, auth: { token: "mine" }, ...options });
    const upgrade = transports.length > 1
      ? new Promise((resolve) => socket.io.on("open", () => socket.io.engine.once("upgrade", resolve)))
      : null;
    await next(socket, "auth");
    await upgrade;
    return socket.id;
  }

  describe(`a lost connection, ${name}`, () => {
    it("comes back as another socket after the transport was closed", async () => {
      const id = await connected();
      const [gone, back] = [next(socket, "disconnect"), next(socket, "auth")];
      socket.io.engine.close();
      assert.equal((await gone)[0], "forced close");
      assert.deepEqual(await back, [{ token: "mine" }]);
      assert.notEqual(socket.id, id);
      assert.ok(!socket.recovered);
    });

    it("comes back after the server was killed and started again, with what it held back, in order", async () => {
      await connected();
      const gone = next(socket, "disconnect");
      await server.kill();
      const [reason] = await gone;
      assert.ok(["transport close", "transport error"].includes(reason), reason);
      const back = collect(socket, "message-back", 20, 10_000);
      for (let n = 0; n < 20; n += 1) socket.emit("message", n);
      await server.run();
      assert.deepEqual(await back, Array.from({ length: 20 }, (_, n) => n));
    });

    it("notices a frozen server by its heartbeat and comes back when it thaws", async () => {
      await connected();
      const gone = next(socket, "disconnect");
      server.signal("SIGSTOP");
      const [reason] = await gone;
      assert.equal(reason, "ping timeout");
      const back = next(socket, "auth", 10_000);
      server.signal("SIGCONT");
      await back;
      assert.equal(await socket.timeout(5000).emitWithAck("message-with-ack", "again"), "again");
    });

    it("is not tried again where the client does not wish it", async () => {
      await connected({ reconnection: false });
      const gone = next(socket, "disconnect");
      await server.kill();
      await gone;
      await server.run();
      await assert.rejects(next(socket, "connect", 300), /no "connect"/);
    });
  });
}
