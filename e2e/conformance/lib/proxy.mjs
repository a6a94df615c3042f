// A TCP proxy between client and server, to cut what a client believes to be its connection.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Proxy {
  #server;
  #pairs = new Set();
  #target;
  #up = true;
  #left = Infinity;
  #cutAfter = null;

  /** Passes on what comes to a free port. */
  static async before(port) {
    const proxy = new Proxy();
    proxy.#target = port;
    proxy.#server = createServer((client) => proxy.#accept(client)).listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  #accept(client) {
    if (!this.#up) {
      client.destroy();
      return;
    }
    const server = connect(this.#target, "127.0.0.1");
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      // Frozen, the server is not told.
      if (!pair.frozen) server.destroy();
    };
    for (const [from, to] of [[client, server], [server, client]]) {
      from.setNoDelay(true);
      from.on("data", (data) => pair.frozen || to.destroyed || this.#pass(data, to, from === server));
      from.on("close", end);
      from.on("error", end);
    }
  }

  #pass(data, to, isAnswer) {
    if (!isAnswer || data.length < this.#left) {
      if (isAnswer) this.#left -= data.length;
      to.write(data);
      return;
    }
    // What is written is on its way, and the end behind it.
    to.end(data.subarray(0, this.#left));
    this.#left = Infinity;
    this.#cutAfter();
    this.#up = false;
    for (const pair of this.#pairs) {
      pair.server.destroy();
    }
  }

  /**
   * Lets connections through again, until the server has sent so many bytes: all are cut then, and none comes until
   * `mend`. Resolves when that has happened.
   */
  mendFor(bytes) {
    this.#left = bytes;
    this.#up = true;
    return new Promise((resolve) => (this.#cutAfter = resolve));
  }

  /** Cuts all connections, in the middle of whatever is under way, and lets none come until `mend`. */
  cut() {
    this.#up = false;
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  /** The same as far as the client can tell; the server hears nothing of it, as where a machine loses its network. */
  vanish() {
    this.#up = false;
    for (const pair of this.#pairs) {
      pair.frozen = true;
      pair.client.destroy();
    }
  }

  /** Lets connections through again. */
  mend() {
    this.#left = Infinity;
    this.#up = true;
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
