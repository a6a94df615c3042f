// Who is online, of the people somebody looks at. Each part of a page says whom it shows; the connection watches
// their sum, and watches it again after it was lost.

import type { Connection } from './connection';
import type { PresenceEvent, PresenceList, Timestamp } from './protocol';
import { Store, type Readable } from './store';
import { MAX_WATCHED } from './wire';

export interface PresenceState {
  readonly online: boolean;
  /** Of one who is not: since when, if that is told. */
  readonly lastSeen: Timestamp | undefined;
}

/** Changes within this many milliseconds are asked for together: a list that scrolls makes many. */
const TOGETHER_MS = 50;

export class Presence {
  #request: Connection['request'];
  #known = new Map<string, Store<PresenceState | undefined>>();
  /** How many look at each. The order is that in which they came into view. */
  #wanted = new Map<string, number>();
  /** Whom the server was asked to watch on this connection. */
  #watched = new Set<string>();
  #connected = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(request: Connection['request']) {
    this.#request = request;
  }

  /** What is known of somebody; `undefined` until it is. True while they are watched. */
  of(userId: string): Readable<PresenceState | undefined> {
    return this.#store(userId);
  }

  /** These are in view, until the returned function is called. */
  watch(userIds: Iterable<string>): () => void {
    const ids = [...new Set(userIds)];
    for (const id of ids) this.#wanted.set(id, (this.#wanted.get(id) ?? 0) + 1);
    this.#soon();
    return () => {
      for (const id of ids.splice(0)) {
        const left = (this.#wanted.get(id) ?? 1) - 1;
        if (left > 0) this.#wanted.set(id, left);
        else this.#wanted.delete(id);
      }
      this.#soon();
    };
  }

  /** A new connection watches nobody yet. */
  connected(): void {
    this.#connected = true;
    this.#watched.clear();
    this.#soon();
  }

  /** Nothing is known any more of who comes and goes. */
  lost(): void {
    if (!this.#connected) return;
    this.#connected = false;
    for (const store of this.#known.values()) store.set(undefined);
  }

  told({ user, online, lastSeen }: PresenceEvent): void {
    this.#store(user.id).set({ online, lastSeen });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #store(userId: string): Store<PresenceState | undefined> {
    let store = this.#known.get(userId);
    if (store === undefined)
      this.#known.set(userId, (store = new Store<PresenceState | undefined>(undefined)));
    return store;
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#agree();
    }, TOGETHER_MS);
  }

  /** Have the server watch those that are wanted: the latest of them, if they are too many. */
  async #agree(): Promise<void> {
    if (!this.#connected) return;
    const wanted = new Set([...this.#wanted.keys()].slice(-MAX_WATCHED));
    const add = [...wanted].filter((id) => !this.#watched.has(id));
    const remove = [...this.#watched].filter((id) => !wanted.has(id));
    if (add.length === 0 && remove.length === 0) return;
    this.#watched = wanted;
    try {
      this.#take(await this.#request('presence:watch', { add, remove }));
    } catch {
      // Who is online is a kindness; without it there are no dots. A new connection asks again.
    }
  }

  #take({ online, offline }: PresenceList): void {
    for (const { id } of online) this.#store(id).set({ online: true, lastSeen: undefined });
    for (const { user, lastSeen } of offline) this.#store(user.id).set({ online: false, lastSeen });
  }
}
