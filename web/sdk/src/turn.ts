// Whose turn it is: of all the tabs of a browser that could send an account's messages, one does.
//
// The tab that one writes in takes the turn from another, whose connection may be asleep; else the first that is
// online has it until it closes or goes offline. What the other had in flight is sent again under the same
// `clientId`, which the server knows. Where the browser has no locks (it wants HTTPS or localhost), every tab sends,
// and the server keeps one of each.

/** The tabs of one account. */
export interface Tabs {
  /**
   * Wait for the turn, or with `steal` take it from whoever has it. `begin` is called when it is ours, `lost` when
   * another tab took it. The returned function gives it up, or stops waiting.
   */
  turn(steal: boolean, begin: () => void, lost: () => void): () => void;
  /** Tell the other tabs that what is stored has changed. */
  changed(): void;
  /** Called when another tab says so, until the returned function is called. */
  onChanged(listener: () => void): () => void;
  close(): void;
}

/** A program alone, or a browser without locks. */
export const ALONE: Tabs = {
  turn: (_, begin) => {
    begin();
    return () => undefined;
  },
  changed: () => undefined,
  onChanged: () => () => undefined,
  close: () => undefined,
};

/** Tabs that share the name `name`. */
export function tabs(name: string): Tabs {
  const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(name);
  const locks = typeof navigator === 'undefined' ? undefined : (navigator as Partial<Navigator>).locks;
  let open = true;
  return {
    turn: locks === undefined ? ALONE.turn : (...args) => hold(locks, name, ...args),
    changed: () => open && channel?.postMessage('changed'),
    onChanged: (listener) => {
      channel?.addEventListener('message', listener);
      return () => channel?.removeEventListener('message', listener);
    },
    close: () => {
      open = false;
      channel?.close();
    },
  };
}

function hold(locks: LockManager, name: string, steal: boolean, begin: () => void, lost: () => void) {
  const waiting = new AbortController();
  let ours = true;
  let release: () => void = () => undefined;
  const held = () =>
    new Promise<void>((resolve) => {
      release = resolve;
      if (ours) begin();
      else resolve();
    });
  // The two options exclude each other: what is stolen is had at once.
  const request = steal
    ? locks.request(name, { steal: true }, held)
    : locks.request(name, { signal: waiting.signal }, held);
  request.catch(() => {
    if (!ours) return;
    ours = false;
    lost();
  });
  return () => {
    ours = false;
    release();
    waiting.abort();
  };
}
