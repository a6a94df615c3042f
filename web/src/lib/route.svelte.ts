// Where one is: `/` for the rooms, `/room/ROOM` for one of them, `/history/ROOM` for a room's history, `/settings`;
// `/#/reset/TOKEN` to set a new password, whose token a browser does not send to anybody in an address.

export type Route =
  | { page: 'rooms'; roomId: string | undefined }
  | { page: 'history'; roomId: string; before: number | undefined; after: number | undefined }
  | { page: 'settings' }
  | { page: 'reset'; token: string };

function positive(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** `undefined` for what is not an encoded name. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function parse(url: URL): Route {
  const token = decode(/^#\/reset\/([^/]+)$/.exec(url.hash)?.[1] ?? '');
  if (token !== undefined && token !== '') return { page: 'reset', token };
  if (/^\/settings\/?$/.test(url.pathname)) return { page: 'settings' };
  const [, page, name] = /^\/(history|room)\/([^/]+)\/?$/.exec(url.pathname) ?? [];
  const roomId = name === undefined ? undefined : decode(name);
  if (page !== 'history' || roomId === undefined) return { page: 'rooms', roomId };
  return {
    page: 'history',
    roomId,
    before: positive(url.searchParams.get('before')),
    after: positive(url.searchParams.get('after')),
  };
}

export const roomUrl = (roomId: string) => `/room/${encodeURIComponent(roomId)}`;
export const historyUrl = (roomId: string) => `/history/${encodeURIComponent(roomId)}`;
export const settingsUrl = '/settings';

class Router {
  route = $state.raw<Route>(parse(new URL(location.href)));
  /** Where one was before the settings, to go back to. */
  before = $state('/');

  constructor() {
    for (const change of ['popstate', 'hashchange']) addEventListener(change, () => this.#read());
  }

  go(url: string): void {
    if (this.route.page === 'rooms') this.before = location.pathname;
    history.pushState(null, '', url);
    this.#read();
  }

  /** As `go`, and the page one was on is not gone back to. */
  replace(url: string): void {
    history.replaceState(null, '', url);
    this.#read();
  }

  /** For a link's click: stay on this page unless the user asks for another tab. */
  follow = (event: MouseEvent): void => {
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const link = event.currentTarget;
    if (!plain || event.defaultPrevented || !(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    this.go(link.href);
  };

  #read(): void {
    this.route = parse(new URL(location.href));
  }
}

export const router = new Router();
