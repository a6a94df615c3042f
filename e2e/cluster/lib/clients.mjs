// Official clients that remember what they heard.
import { once } from "node:events";
import { io } from "socket.io-client";

/** How long what must come may take on a busy machine. */
const PATIENCE = 10_000;

export async function connect(url, { namespace = "/", rooms = [], transports = ["websocket"], query, auth } = {}) {
  const options = { transports, query, auth, forceNew: true, reconnection: false };
  const socket = io(`${url}${namespace}`, options);
  const heard = [];
  const all = [];
  const waiting = new Set();
  socket.onAny((...event) => {
    // Acknowledgements are for those who listen to the event.
    all.push(event[0]);
    heard.push(event.filter((argument) => typeof argument !== "function"));
    for (const look of waiting) look();
  });
  await once(socket, "connect");
  const client = {
    socket,
    id: socket.id,
    heard,
    /** The server that it is connected to, as its sid says. */
    server: () => socket.io.engine.id.split("_")[0],
    transport: () => socket.io.engine.transport.name,
    /** Joins a room, and waits until what other servers send there is heard. */
    join: (room) => socket.timeout(PATIENCE).emitWithAck("join", room),
    /** Asks a `plaza` for something. */
    ask: (request, body) => socket.timeout(PATIENCE).emitWithAck(request, body),
    /** Has a Plaza node do something. */
    do: (what, command = {}) => socket.timeout(PATIENCE).emitWithAck("do", { what, ...command }),
    /** Waits for the first event of this name that has not been taken, and takes it and all before it. */
    async next(name) {
      const deadline = Date.now() + PATIENCE;
      for (;;) {
        const at = heard.findIndex(([event]) => event === name);
        if (at >= 0) return heard.splice(0, at + 1).pop().slice(1);
        if (Date.now() > deadline) throw new Error(`${name} did not come; heard ${JSON.stringify(heard)}`);
        await new Promise((resolve) => {
          const look = () => {
            waiting.delete(look);
            clearTimeout(timer);
            resolve();
          };
          const timer = setTimeout(look, 200);
          waiting.add(look);
        });
      }
    },
    /** How often an event of this name was heard since the last `forget`, taken or not. */
    times: (name) => all.filter((event) => event === name).length,
    forget() {
      heard.length = 0;
      all.length = 0;
    },
    close: () => socket.disconnect(),
  };
  for (const room of rooms) await client.join(room);
  return client;
}

/** Asks until the answer is as wanted: what one server tells another has come when it has come. */
export async function eventually(what, ask) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
