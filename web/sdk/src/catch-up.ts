// What a reconnect brings: the events that were missed, taken in at its end so that a page draws a thousand
// messages once, and the account of them that people are given.

import type { Reload } from './protocol';
import { Store } from './store';
import type { RoomEvent } from './wire';

export interface Reloaded {
  roomId: string;
  name: string;
  reason: Exclude<Reload, 'unknown'>;
}

/** What the last reconnect brought, and what earlier ones replaced that nobody has taken note of yet. */
export interface Resumption {
  /** Messages that were missed and have been caught up with. */
  messages: number;
  /** Everything else that happened, likewise. */
  changes: number;
  /** Rooms whose timeline had to be replaced, and why. */
  reloaded: readonly Reloaded[];
}

export class CatchUp {
  /** Set to `undefined` by whoever has read it. */
  readonly resumption = new Store<Resumption | undefined>(undefined);
  #missed: RoomEvent[] = [];
  #messages = 0;
  #changes = 0;
  #again = false;

  /** A connection was accepted. That a room was replaced stays true through any number of reconnects. */
  begin(): void {
    this.#messages = 0;
    this.#changes = 0;
    const reloaded = this.resumption.get()?.reloaded ?? [];
    this.resumption.set(reloaded.length === 0 ? undefined : { messages: 0, changes: 0, reloaded });
  }

  hold(event: RoomEvent): void {
    this.#missed.push(event);
  }

  /** What was held, by room, once. */
  take(): Map<string, RoomEvent[]> {
    return Map.groupBy(this.#missed.splice(0), ({ roomId }) => roomId);
  }

  count(caughtUp: readonly RoomEvent[]): void {
    const messages = caughtUp.filter(({ type }) => type === 'message').length;
    this.#messages += messages;
    this.#changes += caughtUp.length - messages;
  }

  reloaded(room: Reloaded): void {
    const others = this.resumption.get()?.reloaded.filter(({ roomId }) => roomId !== room.roomId) ?? [];
    this.resumption.set({ messages: 0, changes: 0, reloaded: [...others, room] });
  }

  /** One is in the room no more: there is nothing to look at that was replaced. */
  dropped(roomId: string): void {
    this.resumption.update(
      (told) => told && { ...told, reloaded: told.reloaded.filter((room) => room.roomId !== roomId) },
    );
  }

  /** Caught up. The first connect of a page resumes nothing and has nothing to tell. */
  end(): void {
    const reloaded = this.resumption.get()?.reloaded ?? [];
    if (this.#again) this.resumption.set({ messages: this.#messages, changes: this.#changes, reloaded });
    this.#again = true;
  }
}
