// Where a client connects: at its own address, or where a node that stopped has sent it.
//
// A node that stops may name another one. That is tried once; where nobody answers there, or the page is not let in, its
// own address is right again. Only the socket goes there, with the token in its first packet: it is no cookie, and holds on
// every node. Whatever is asked over HTTP stays where it was.

/** Where Socket.IO finds a server. */
export interface Place {
  /** Scheme, host and port; absent: where the page comes from. */
  origin: string | undefined;
  path: string;
  /** Only over WebSocket: a page may open one to anywhere, and requests often only to where it comes from. */
  away?: true;
}

const PATH = '/socket.io/';

export class Destination {
  #own: Place;
  #other: Place | undefined;
  #secure: boolean;

  /** `url` is the client's own address; absent: where the page comes from, which is `page`. */
  constructor(url: string | undefined, page = globalThis.location?.href) {
    this.#own = (url === undefined ? undefined : placeOf(url)) ?? { origin: url, path: PATH };
    this.#secure = /^(https|wss):/i.test(url ?? page ?? '');
  }

  /** Where to try now. */
  get place(): Place {
    return this.#other ?? this.#own;
  }

  /** A server that stops said where to go: that is so, where it is an address, and no less secret than one's own. */
  goTo(url: string | undefined): void {
    const named = url === undefined ? undefined : placeOf(url);
    if (named !== undefined && (!this.#secure || named.origin?.startsWith('https:'))) {
      this.#other = { ...named, away: true };
    }
  }

  /** Nobody answers there, or somebody who does not want us. */
  failed(): void {
    this.#other = undefined;
  }
}

/** As servers write their addresses: `http` or `https`, and perhaps a path before Plaza's own. */
function placeOf(text: string): Place | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return undefined;
  }
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!plain || !/^https?:$/.test(url.protocol)) return undefined;
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, '') + PATH };
}
