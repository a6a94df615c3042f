// Engine.IO spoken by hand: packets as they stand on the wire, over plain HTTP requests and a bare WebSocket.
//
// Both kinds of connection answer heartbeats by themselves and hide them from `next()`, unless told not to, since the
// server asks every 300 ms and waits no longer than 200 ms.
import { once } from "node:events";
import WebSocket from "ws";
import { SOON_MS, within } from "./deadline.mjs";

const SEPARATOR = "\x1e";

/** The address of an Engine.IO request; `parameters` with the value null leave the default out. */
export function address(base, path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ EIO: "4", transport: "polling", ...parameters })) {
    if (value !== null) query.set(key, value);
  }
  return `${base}${path}?${query}`;
}

/** A session over long-polling. */
export class PollingSession {
  #queue = [];

  constructor(server, path, handshake, heartbeat) {
    this.handshake = handshake;
    this.sid = handshake.sid;
    this.heartbeat = heartbeat;
    this.url = address(server.url, path, { sid: handshake.sid });
    this.upgradeUrl = address(server.wsUrl, path, { sid: handshake.sid, transport: "websocket" });
  }

  static async open(server, { path = "/engine.io/", heartbeat = true } = {}) {
    const response = await fetch(address(server.url, path));
    if (response.status !== 200) throw new Error(`the handshake was answered ${response.status}`);
    const [open, ...rest] = (await response.text()).split(SEPARATOR);
    if (!open.startsWith("0")) throw new Error(`expected an open packet, got ${open}`);
    const session = new PollingSession(server, path, JSON.parse(open.slice(1)), heartbeat);
    session.#queue.push(...rest);
    return session;
  }

  /** One poll: the raw response. */
  poll(options = {}) {
    return fetch(this.url, options);
  }

  /** One POST with these packets: the raw response. */
  post(...packets) {
    return fetch(this.url, { method: "POST", body: packets.join(SEPARATOR) });
  }

  /** As `post`, and it must be answered `ok`. */
  async send(...packets) {
    const response = await this.post(...packets);
    const body = await response.text();
    if (response.status !== 200 || body !== "ok") throw new Error(`POST was answered ${response.status} ${body}`);
  }

  /** The next packet, as a string (binary with its `b` and base64). */
  next(ms = SOON_MS) {
    return within(this.#next(), "packet by polling", ms);
  }

  async #next() {
    for (;;) {
      const packet = this.#queue.shift();
      if (packet === "2" && this.heartbeat) {
        await this.send("3");
        continue;
      }
      if (packet !== undefined) return packet;
      const response = await this.poll();
      const body = await response.text();
      if (response.status !== 200) throw new Error(`poll was answered ${response.status} ${body}`);
      this.#queue.push(...body.split(SEPARATOR));
    }
  }

  /** Resolves once the server knows the session no more. */
  async closed(ms = SOON_MS) {
    const gone = async () => {
      for (;;) {
        const response = await this.poll();
        await response.text();
        if (response.status === 400) return;
      }
    };
    await within(gone(), "end of the session", ms);
  }
}

/** A WebSocket whose messages are queued. Text comes as strings, binary as Buffers. */
export class WireSocket {
  #queue = [];
  #waiting = [];

  constructor(url, { heartbeat = true, ...options } = {}) {
    this.ws = new WebSocket(url, options);
    this.opened = once(this.ws, "open");
    this.opened.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.ws.on("error", (error) => resolve({ error }));
      this.ws.on("close", (code) => resolve({ code }));
    });
    this.ws.on("message", (data, isBinary) => {
      const message = isBinary ? data : data.toString();
      if (message === "2" && heartbeat) return this.ws.send("3");
      const waiting = this.#waiting.shift();
      if (waiting) waiting(message);
      else this.#queue.push(message);
    });
  }

  /** Opens a session of its own, or with `sid` in `parameters` a second transport for one. */
  static to(server, { path = "/engine.io/", parameters = {}, ...options } = {}) {
    return new WireSocket(address(server.wsUrl, path, { transport: "websocket", ...parameters }), options);
  }

  /** Opens a session and takes the handshake. */
  static async open(server, options = {}) {
    const socket = WireSocket.to(server, options);
    const open = await socket.next();
    if (open[0] !== "0") throw new Error(`expected an open packet, got ${open}`);
    socket.handshake = JSON.parse(open.slice(1));
    socket.sid = socket.handshake.sid;
    return socket;
  }

  send(...packets) {
    for (const packet of packets) this.ws.send(packet);
  }

  next(ms = SOON_MS) {
    if (this.#queue.length > 0) return Promise.resolve(this.#queue.shift());
    const message = new Promise((resolve) => this.#waiting.push(resolve));
    const end = this.ended.then((how) => {
      throw new Error(`the WebSocket ended instead (${how.error?.message ?? how.code})`);
    });
    end.catch(() => {});
    return within(Promise.race([message, end]), "WebSocket message", ms);
  }

  /** Resolves with `{code}` or `{error}` once the connection is closed or was refused. */
  closed(ms = SOON_MS) {
    return within(this.ended, "end of the WebSocket", ms);
  }

  /** Whether it is open now. */
  get isOpen() {
    return this.ws.readyState === WebSocket.OPEN;
  }

  close() {
    this.ws.terminate();
  }
}
