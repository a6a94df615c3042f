// One room as this client knows it: its summary with an unread count that follows the events, its timeline,
// and what it takes to fill and heal that.

import type { Connection } from './connection';
import { sentence } from './failure';
import { MAX_HISTORY_LIMIT, type RoomEvent, type RoomSummary, type Seq } from './protocol';
import { Store } from './store';
import { Timeline } from './timeline';

/** What a page shows of a room. A new object at every change. */
export interface RoomState {
  readonly summary: RoomSummary;
  readonly events: readonly RoomEvent[];
  /** Whether the log has events before the ones held. */
  readonly hasOlder: boolean;
  /** Whether where the room stands is known; if not, it is being loaded. */
  readonly anchored: boolean;
  readonly loading: boolean;
  /** Why the last load failed. */
  readonly problem: string | undefined;
  /** How often the timeline was replaced. */
  readonly reloads: number;
}

const PAGE = 50;
/** A room that nobody looks at keeps this many events. */
const KEEP = 200;

export class Room {
  readonly state: Store<RoomState>;
  #timeline = new Timeline();
  #request: Connection['request'];
  #me: string;
  /** The summary belongs to a log that was replaced. */
  #stale = false;
  #healing = false;
  #loading: Promise<void> | undefined;

  constructor(summary: RoomSummary, me: string, request: Connection['request']) {
    this.#me = me;
    this.#request = request;
    this.state = new Store<RoomState>({
      summary,
      events: [],
      hasOlder: false,
      anchored: false,
      loading: false,
      problem: undefined,
      reloads: 0,
    });
    this.anchor(summary.seq);
  }

  get id(): string {
    return this.state.get().summary.id;
  }

  get position(): Seq | undefined {
    return this.#timeline.position;
  }

  /** Live or missed events of this room. Many at once are shown at once. */
  apply(...events: readonly RoomEvent[]): void {
    this.#count(this.#timeline.apply(...events));
    this.#show({});
    if (this.#timeline.hasGap) void this.heal();
  }

  anchor(position: Seq): void {
    this.#count(this.#timeline.anchor(position));
    this.#show({});
    if (this.#timeline.hasGap) void this.heal();
  }

  /** What `room:list` says. It may be older than the events that came in meanwhile. */
  listed(fresh: RoomSummary): void {
    const old = this.state.get().summary;
    let summary = fresh;
    if (!this.#stale && fresh.seq < old.seq) {
      const since = this.#timeline.events.filter((event) => event.seq > fresh.seq);
      summary = { ...fresh, seq: old.seq, unread: fresh.unread + this.#othersIn(since) };
    }
    if (!this.#stale && old.readSeq > fresh.readSeq) summary = this.#readTo(summary, old.readSeq);
    this.#stale = false;
    this.#show({ summary });
    this.anchor(summary.seq);
  }

  /** Read up to here, on this or another connection. Returns whether that is news. */
  read(seq: Seq): boolean {
    const { summary } = this.state.get();
    if (seq <= summary.readSeq) return false;
    this.#show({ summary: this.#readTo(summary, seq) });
    return true;
  }

  /** The log cannot serve the position held: begin again. `listed` says where the room stands. */
  reset(): void {
    this.#timeline.clear();
    this.#stale = true;
    this.#show({ reloads: this.state.get().reloads + 1, problem: undefined });
  }

  /** See that at least `count` events are there to look at, as far as the log has them. */
  async ensure(count: number): Promise<void> {
    await this.#loading;
    if (this.#timeline.events.length < count && this.#timeline.hasOlder) await this.#loadOnce(count);
  }

  loadOlder(): Promise<void> {
    return this.#loadOnce(PAGE);
  }

  /** One page at a time: who asks meanwhile waits for the one on its way. */
  #loadOnce(limit: number): Promise<void> {
    this.#loading ??= this.#load(limit).finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /** Fetch what lies between what is held and what has arrived. */
  async heal(until: Seq = 0): Promise<void> {
    if (this.#healing) return;
    this.#healing = true;
    try {
      for (;;) {
        const after = this.#timeline.position;
        if (after === undefined || !(this.#timeline.hasGap || after < until)) return;
        const page = await this.#request('room:history', {
          roomId: this.id,
          after,
          limit: MAX_HISTORY_LIMIT,
        });
        this.#count(this.#timeline.apply(...page.events));
        this.#show({});
        if (this.#timeline.position === after) return;
      }
    } catch {
      // Not connected: the next resume begins at the position held, which is below the hole.
    } finally {
      this.#healing = false;
    }
  }

  /** Nobody looks at it: keep little. */
  trim(): void {
    this.#timeline.trim(KEEP);
    this.#show({});
  }

  async #load(limit: number): Promise<void> {
    const base = this.#timeline.base;
    if (base === undefined || base === 0) return;
    this.#show({ loading: true, problem: undefined });
    try {
      const page = await this.#request('room:history', { roomId: this.id, before: base + 1, limit });
      const joined = this.#timeline.prepend(page.events);
      const replaced = this.#timeline.base !== base;
      this.#show({
        loading: false,
        problem: joined || replaced ? undefined : 'Earlier messages could not be loaded.',
      });
    } catch (failure) {
      this.#show({ loading: false, problem: sentence(failure) });
    }
  }

  /** Events newly held move the top and, being others' messages, the unread count. */
  #count(added: readonly RoomEvent[]): void {
    const { summary } = this.state.get();
    const fresh = added.filter((event) => event.seq > summary.seq);
    const top = fresh.at(-1)?.seq;
    if (top === undefined) return;
    const unreadHere = fresh.filter((event) => event.seq > summary.readSeq);
    this.#show({ summary: { ...summary, seq: top, unread: summary.unread + this.#othersIn(unreadHere) } });
  }

  #othersIn(events: readonly RoomEvent[]): number {
    return events.filter((event) => event.type === 'message' && event.sender.id !== this.#me).length;
  }

  #readTo(summary: RoomSummary, readSeq: Seq): RoomSummary {
    if (readSeq >= summary.seq) return { ...summary, readSeq, unread: 0 };
    const { base, events } = this.#timeline;
    const above = events.filter((event) => event.seq > readSeq && event.seq <= summary.seq);
    const known = base !== undefined && base <= readSeq;
    return { ...summary, readSeq, unread: known ? this.#othersIn(above) : summary.unread };
  }

  #show(change: Partial<RoomState>): void {
    this.state.update((state) => ({
      ...state,
      ...change,
      events: this.#timeline.events,
      hasOlder: this.#timeline.hasOlder,
      anchored: this.#timeline.position !== undefined,
    }));
  }
}
