// One room as this client knows it: its summary with an unread count that follows the events, its timeline,
// and what it takes to fill and heal that.

import { delay, RESEND } from './backoff';
import type { Connection } from './connection';
import { Refused, sentence } from './failure';
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

/** What a room needs of its surroundings. */
export interface RoomSurroundings {
  /** Whose view of the room this is. */
  me: string;
  request: Connection['request'];
  /** These events, and everything up to the position, are held from now on. */
  held(room: Room, events: readonly RoomEvent[]): void;
}

const PAGE = 50;
/** So many events before the unread ones make sense of them. */
const CONTEXT = 20;
/** A room that nobody looks at keeps this many events. */
const KEEP = 200;

export class Room {
  readonly state: Store<RoomState>;
  #timeline = new Timeline();
  #surroundings: RoomSurroundings;
  #loading: Promise<void> | undefined;
  #healing = false;
  /** The room is known to stand here at least. */
  #until: Seq = 0;
  #healTries = 0;
  #healTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(summary: RoomSummary, surroundings: RoomSurroundings) {
    this.#surroundings = surroundings;
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
    this.#holds(this.#timeline.apply(...events));
    this.heal();
  }

  anchor(position: Seq): void {
    this.#holds(this.#timeline.anchor(position));
    // Whatever could not be loaded before can be tried again.
    this.#show({ problem: undefined });
    this.heal();
  }

  /**
   * What `room:list` says. It may be older than the events that came in meanwhile. Returns how far one has read
   * as far as this client knows, which the server may not have been told.
   */
  listed(fresh: RoomSummary): Seq {
    const old = this.state.get().summary;
    let summary = fresh;
    if (fresh.seq < old.seq) {
      const since = this.#timeline.events.filter((event) => event.seq > fresh.seq);
      summary = { ...fresh, seq: old.seq, unread: fresh.unread + this.#othersIn(since) };
    }
    if (old.readSeq > fresh.readSeq) summary = this.#readTo(summary, old.readSeq);
    this.#show({ summary });
    this.anchor(summary.seq);
    return old.readSeq;
  }

  /** Read up to here, on this or another connection. Returns whether that is news. */
  read(seq: Seq): boolean {
    const { summary } = this.state.get();
    if (seq <= summary.readSeq) return false;
    this.#show({ summary: this.#readTo(summary, seq) });
    return true;
  }

  /** The log cannot serve the position held: begin again. `listed` says where the room stands. */
  reset(reason: 'too_far' | 'trimmed' | 'epoch'): void {
    this.#timeline.clear();
    this.#until = 0;
    const { summary, reloads } = this.state.get();
    // In another log, where the room stood and how far one had read mean nothing.
    const known = reason === 'epoch' ? { ...summary, seq: 0, readSeq: 0, unread: 0 } : summary;
    this.#show({ summary: known, reloads: reloads + 1, problem: undefined });
  }

  /** See that at least `count` events are there to look at, as far as the log has them. */
  async ensure(count: number): Promise<void> {
    await this.#loading;
    if (this.#timeline.events.length < count && this.#timeline.hasOlder) await this.#loadOnce(count);
  }

  /** What the first look at it needs: some events, and if possible the first one that is unread. */
  look(): Promise<void> {
    const { unread } = this.state.get().summary;
    return this.ensure(Math.min(MAX_HISTORY_LIMIT, Math.max(PAGE, unread + CONTEXT)));
  }

  loadOlder(): Promise<void> {
    return this.#loadOnce(PAGE);
  }

  /** One page at a time: who asks meanwhile waits for the one on its way. */
  #loadOnce(limit: number): Promise<void> {
    this.#loading ??= this.#load(limit).finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /** Fetch what lies between what is held and what has arrived, or is known to be there. */
  heal(until: Seq = 0): void {
    this.#until = Math.max(this.#until, until);
    if (!this.#healing && this.#lacks) void this.#heal();
  }

  /** Nothing is asked for any more. */
  close(): void {
    clearTimeout(this.#healTimer);
    this.#timeline.clear();
  }

  /** Nobody looks at it, or not at what is old: keep little. */
  trim(keep: number = KEEP): void {
    this.#timeline.trim(keep);
    this.#show({});
  }

  get #lacks(): boolean {
    const { position } = this.#timeline;
    return position !== undefined && (this.#timeline.hasGap || position < this.#until);
  }

  async #heal(): Promise<void> {
    this.#healing = true;
    clearTimeout(this.#healTimer);
    try {
      while (this.#lacks) {
        const after = this.#timeline.position ?? 0;
        const ask = { roomId: this.id, after, limit: MAX_HISTORY_LIMIT };
        const page = await this.#surroundings.request('room:history', ask);
        this.#holds(this.#timeline.apply(...page.events));
        if (this.#timeline.position === after) throw new Error('The log ends before what has arrived.');
        this.#healTries = 0;
      }
    } catch (failure) {
      // A connection that is lost heals by resuming; one that stands is asked again. A refusal ends it: what
      // was refused is no longer one's to see, and that is told in another way.
      const gone = failure instanceof Refused && !failure.retryable;
      if (!gone && this.#lacks) this.#healLater();
    } finally {
      this.#healing = false;
    }
  }

  #healLater(): void {
    this.#healTries += 1;
    this.#healTimer = setTimeout(() => this.heal(), delay(RESEND, this.#healTries, Math.random()));
  }

  async #load(limit: number): Promise<void> {
    const base = this.#timeline.base;
    if (base === undefined || base === 0) return;
    this.#show({ loading: true, problem: undefined });
    try {
      const ask = { roomId: this.id, before: base + 1, limit };
      const page = await this.#surroundings.request('room:history', ask);
      const replaced = this.#timeline.base !== base;
      const joined = !replaced && this.#timeline.prepend(page.events);
      if (joined) this.#surroundings.held(this, page.events);
      this.#show({
        loading: false,
        problem: joined || replaced ? undefined : 'Earlier messages could not be loaded.',
      });
    } catch (failure) {
      this.#show({ loading: false, problem: sentence(failure) });
    }
  }

  #holds(added: readonly RoomEvent[]): void {
    this.#count(added);
    this.#show({});
    this.#surroundings.held(this, added);
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
    return events.filter((event) => event.type === 'message' && event.sender.id !== this.#surroundings.me)
      .length;
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
