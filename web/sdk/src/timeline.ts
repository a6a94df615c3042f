// One room's timeline as this client holds it: a piece of the room's log without a hole.
//
// Live events, what a resume brings and pages of history all come through here and end up in the order of
// `seq`, each once. What arrives ahead of a hole waits beside the timeline until the hole is filled.

import type { Seq } from './protocol';
import type { RoomEvent } from './wire';

export class Timeline {
  /** Events `(base, top]` are held; `undefined` until it is known where the room stands. */
  #held: { base: Seq; events: RoomEvent[] } | undefined;
  #ahead = new Map<Seq, RoomEvent>();

  /** Ascending, without a hole. */
  get events(): readonly RoomEvent[] {
    return this.#held?.events ?? [];
  }

  /** The position held: everything up to here has been seen, or lies before what is shown. */
  get position(): Seq | undefined {
    return this.#held && this.#held.base + this.#held.events.length;
  }

  /** The position before the first event held. */
  get base(): Seq | undefined {
    return this.#held?.base;
  }

  /** Whether the log has events before the ones held. */
  get hasOlder(): boolean {
    return this.#held !== undefined && this.#held.base > 0;
  }

  /** Whether something is known to be missing between what is held and what has arrived. */
  get hasGap(): boolean {
    return this.#held !== undefined && this.#ahead.size > 0;
  }

  /**
   * Say where the room stands, unless that is known: what comes after `position` is held from now on, what
   * lies before comes with `prepend`. Returns the events that had been waiting for this.
   */
  anchor(position: Seq): RoomEvent[] {
    if (this.#held !== undefined) return [];
    this.#held = { base: position, events: [] };
    return this.#drain();
  }

  /** Take events in. Returns those that are held now and were not before, in order. */
  apply(...events: readonly RoomEvent[]): RoomEvent[] {
    const position = this.position ?? -1;
    for (const event of events) if (event.seq > position) this.#ahead.set(event.seq, event);
    return this.#drain();
  }

  /** Take a page that ends where this begins. Returns whether it did. */
  prepend(page: readonly RoomEvent[]): boolean {
    const held = this.#held;
    if (held === undefined) return false;
    const older = page.filter((event) => event.seq <= held.base);
    if (older.length === 0 || !isWhole(older) || older.at(-1)?.seq !== held.base) return false;
    this.#held = { base: held.base - older.length, events: [...older, ...held.events] };
    return true;
  }

  /** Hold nothing, and not know where the room stands. What arrives from now on waits for `anchor`. */
  clear(): void {
    this.#held = undefined;
    this.#ahead.clear();
  }

  /** Let go of all but the newest `count` events. */
  trim(count: number): void {
    const held = this.#held;
    if (held === undefined || held.events.length <= count) return;
    const dropped = held.events.length - count;
    this.#held = { base: held.base + dropped, events: held.events.slice(dropped) };
  }

  #drain(): RoomEvent[] {
    const held = this.#held;
    if (held === undefined) return [];
    let next = held.base + held.events.length + 1;
    for (const seq of this.#ahead.keys()) if (seq < next) this.#ahead.delete(seq);
    const added: RoomEvent[] = [];
    for (let event = this.#ahead.get(next); event !== undefined; event = this.#ahead.get(next)) {
      this.#ahead.delete(next);
      added.push(event);
      next += 1;
    }
    if (added.length > 0) this.#held = { base: held.base, events: [...held.events, ...added] };
    return added;
  }
}

/** Whether the events follow each other without a hole. */
export function isWhole(page: readonly RoomEvent[]): boolean {
  return page.every((event, i) => i === 0 || event.seq === (page[i - 1]?.seq ?? 0) + 1);
}
