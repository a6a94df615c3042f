// A part of a room's log far from its end, for one who jumped there: it grows at both ends as one reads, is let go
// of at the far end, and is joined to what is held live when it reaches that.

import type { Seq } from './protocol';
import { isWhole } from './timeline';
import type { RoomEvent } from './wire';

export class Piece {
  /** Ascending, without a hole, at least one. */
  #events: readonly RoomEvent[];

  /** @throws RangeError for a page that is empty or has a hole */
  constructor(events: readonly RoomEvent[]) {
    if (events.length === 0 || !isWhole(events)) throw new RangeError('not a part of a log');
    this.#events = events;
  }

  get events(): readonly RoomEvent[] {
    return this.#events;
  }

  /** The position before its first event. */
  get base(): Seq {
    return (this.#events[0]?.seq ?? 1) - 1;
  }

  /** The position of its last event. */
  get top(): Seq {
    return this.#events.at(-1)?.seq ?? 0;
  }

  has(seq: Seq): boolean {
    return seq > this.base && seq <= this.top;
  }

  /** Takes a page that ends where this begins. Returns whether it did. */
  prepend(page: readonly RoomEvent[], most: number): boolean {
    if (page.at(-1)?.seq !== this.base || !isWhole(page)) return false;
    this.#events = [...page, ...this.#events].slice(0, most);
    return true;
  }

  /** Takes a page that begins where this ends. Returns whether it did. */
  append(page: readonly RoomEvent[], most: number): boolean {
    if (page[0]?.seq !== this.top + 1 || !isWhole(page)) return false;
    this.#events = [...this.#events, ...page].slice(-most);
    return true;
  }
}
