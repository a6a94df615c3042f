// One room as this client knows it: its summary with an unread count that follows the events, the events that are
// looked at, and what it takes to fill and heal them.
//
// What is newest is held live, by `Timeline`. Who jumps far back looks at a `Piece` of the log beside it, which grows
// both ways and ends where it meets the live part.

import { delay, RESEND } from './backoff';
import type { Connection } from './connection';
import { Refused, sentence } from './failure';
import { Members } from './members';
import { Piece } from './piece';
import type { EventsPage, History, Reload, RoomSummary, Seq } from './protocol';
import { Store } from './store';
import { tally } from './summary';
import { Timeline } from './timeline';
import { MAX_HISTORY_LIMIT, type RoomEvent } from './wire';

/** What a page shows of a room. A new object at every change. */
export interface RoomState {
  readonly summary: RoomSummary;
  /** Those looked at: ascending, without a hole. */
  readonly events: readonly RoomEvent[];
  /** The newest event held, whatever is looked at. */
  readonly last: RoomEvent | undefined;
  /** Whether the log has events before the ones looked at. */
  readonly hasOlder: boolean;
  /** Whether the log has events after the ones looked at. */
  readonly hasNewer: boolean;
  /** Whether what came before has been cut by retention. */
  readonly trimmed: boolean;
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
/** So many events before the unread ones, or before a place jumped to, make sense of them. */
const CONTEXT = 20;
/** A room that nobody looks at keeps this many events. */
const KEEP = 200;
/** One who scrolls holds no more than this; what is far away is loaded again when it is come back to. */
const MOST = 2_000;

export class Room {
  readonly state: Store<RoomState>;
  readonly members: Members;
  #timeline = new Timeline();
  /** What is looked at instead of the newest. */
  #piece: Piece | undefined;
  /** What is at or below this has been cut by retention. */
  #floor: Seq = 0;
  #surroundings: RoomSurroundings;
  #loading: Promise<void> | undefined;
  #healing = false;
  /** The room is known to stand here at least. */
  #until: Seq = 0;
  #healTries = 0;
  #healTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(summary: RoomSummary, surroundings: RoomSurroundings) {
    this.#surroundings = surroundings;
    this.members = new Members(summary.id, surroundings.request);
    this.state = new Store<RoomState>({
      summary,
      events: [],
      last: undefined,
      hasOlder: false,
      hasNewer: false,
      trimmed: false,
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
    const isIn = (id: string) => this.members.has(id);
    if (fresh.seq < old.seq) {
      const since = this.#timeline.events.filter((event) => event.seq > fresh.seq);
      summary = tally({ ...fresh, seq: old.seq }, since, this.#surroundings.me, isIn, fresh.readSeq);
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
  reset(reason: Exclude<Reload, 'unknown'>): void {
    this.#timeline.clear();
    this.#piece = undefined;
    this.#until = 0;
    this.#floor = 0;
    this.members.forget();
    const { summary, reloads } = this.state.get();
    // In another log, where the room stood and how far one had read mean nothing.
    const known = reason === 'epoch' ? { ...summary, seq: 0, readSeq: 0, unread: 0 } : summary;
    this.#show({ summary: known, reloads: reloads + 1, problem: undefined });
  }

  /** See that at least `count` of the newest events are there to look at, as far as the log has them. */
  async ensure(count: number): Promise<void> {
    await this.#loading;
    const { events, hasOlder } = this.#timeline;
    if (this.#piece === undefined && events.length < count && hasOlder)
      await this.#once(() => this.#older(count));
  }

  /** What the first look at it needs: some events, and if possible the first one that is unread. */
  look(): Promise<void> {
    const { unread } = this.state.get().summary;
    return this.ensure(Math.min(MAX_HISTORY_LIMIT, Math.max(PAGE, unread + CONTEXT)));
  }

  /** A page before what is looked at. */
  loadOlder(): Promise<void> {
    return this.#once(() => this.#older(PAGE));
  }

  /** A page after what is looked at. */
  loadNewer(): Promise<void> {
    return this.#once(() => this.#newer());
  }

  /** Look at the newest again. */
  showNewest(): void {
    this.#piece = undefined;
    this.#show({});
  }

  /**
   * Look at this position and what is around it.
   * @throws Refused, Lost
   */
  async goTo(seq: Seq): Promise<void> {
    await this.#loading;
    const target = Math.min(Math.max(seq, 1), Math.max(this.state.get().summary.seq, 1));
    if (this.#piece?.has(target)) return;
    const { base = 0, position = 0 } = this.#timeline;
    if (target > base && target <= position) {
      this.showNewest();
      return;
    }
    const page = await this.#history({ after: Math.max(0, target - CONTEXT - 1), limit: 2 * PAGE });
    if (page.events.length === 0) return;
    const piece = new Piece(page.events);
    this.#piece = this.#meets(piece) ? undefined : piece;
    this.#show({ problem: undefined });
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
    this.#piece = undefined;
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
        const page = await this.#history({ after, limit: MAX_HISTORY_LIMIT });
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

  #history(at: Omit<History, 'roomId'>): Promise<EventsPage> {
    return this.#surroundings.request('room:history', { roomId: this.id, ...at });
  }

  /** One page at a time: who asks meanwhile waits for the one on its way. */
  #once(load: () => Promise<string | undefined>): Promise<void> {
    this.#loading ??= this.#guarded(load).finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #guarded(load: () => Promise<string | undefined>): Promise<void> {
    this.#show({ loading: true, problem: undefined });
    try {
      this.#show({ problem: await load(), loading: false });
    } catch (failure) {
      this.#show({ problem: sentence(failure), loading: false });
    }
  }

  /** Gives what went wrong, if anything. */
  async #older(limit: number): Promise<string | undefined> {
    const piece = this.#piece;
    const base = piece?.base ?? this.#timeline.base;
    if (base === undefined || base <= this.#floor) return;
    const { events, more } = await this.#history({ before: base + 1, limit });
    // Something else is looked at by now.
    if (piece !== this.#piece || (piece?.base ?? this.#timeline.base) !== base) return;
    if (!more) this.#floor = (events[0]?.seq ?? base + 1) - 1;
    if (events.length === 0) return;
    if (piece !== undefined)
      return piece.prepend(events, MOST) ? undefined : 'Earlier messages could not be loaded.';
    if (!this.#timeline.prepend(events)) return 'Earlier messages could not be loaded.';
    this.#surroundings.held(this, events);
    const { events: held } = this.#timeline;
    if (held.length > MOST) {
      // So far back, the newest are let go of: they come again on the way down.
      this.#piece = new Piece(held.slice(0, MOST - KEEP));
      this.#timeline.trim(KEEP);
    }
    return;
  }

  async #newer(): Promise<string | undefined> {
    const piece = this.#piece;
    if (piece === undefined) return;
    const { events } = await this.#history({ after: piece.top, limit: 2 * PAGE });
    if (piece !== this.#piece) return;
    if (events.length > 0 && !piece.append(events, MOST)) return 'Later messages could not be loaded.';
    if (this.#meets(piece)) this.#piece = undefined;
    return;
  }

  /** Whether the piece reaches what is held live; then the live part has it all. */
  #meets(piece: Piece): boolean {
    const { base } = this.#timeline;
    if (base === undefined || piece.top < base) return false;
    return piece.base >= base || this.#timeline.prepend(piece.events);
  }

  #holds(added: readonly RoomEvent[]): void {
    const { summary } = this.state.get();
    const fresh = added.filter((event) => event.seq > summary.seq);
    const after = tally(summary, fresh, this.#surroundings.me, (id) => this.members.has(id));
    this.members.apply(added);
    this.#show(fresh.length === 0 ? {} : { summary: after });
    this.#surroundings.held(this, added);
  }

  #readTo(summary: RoomSummary, readSeq: Seq): RoomSummary {
    if (readSeq >= summary.seq) return { ...summary, readSeq, unread: 0 };
    const others = (events: readonly RoomEvent[], from: Seq, to: Seq) =>
      events.filter(
        (e) => e.seq > from && e.seq <= to && e.type === 'message' && e.sender.id !== this.#surroundings.me,
      ).length;
    const { base, events } = this.#timeline;
    // What is left is counted where it is held; else what was read is taken off where that is held.
    if (base !== undefined && base <= readSeq) {
      return { ...summary, readSeq, unread: others(events, readSeq, summary.seq) };
    }
    const seen = this.#piece;
    const known = seen !== undefined && seen.base <= summary.readSeq && seen.top >= readSeq;
    const unread = summary.unread - (known ? others(seen.events, summary.readSeq, readSeq) : 0);
    return { ...summary, readSeq, unread: Math.max(0, unread) };
  }

  #show(change: Partial<RoomState>): void {
    const { base } = this.#timeline;
    const from = this.#piece?.base ?? base;
    this.state.update((state) => ({
      ...state,
      ...change,
      events: this.#piece?.events ?? this.#timeline.events,
      last: this.#timeline.events.at(-1) ?? state.last,
      hasOlder: from !== undefined && from > this.#floor,
      hasNewer: this.#piece !== undefined,
      trimmed: this.#floor > 0,
      anchored: this.#timeline.position !== undefined,
    }));
  }
}
