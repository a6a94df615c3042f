// The rooms one is a member of: what the server's list says of them, and what events say since.

import { delay, RESEND } from './backoff';
import type { Connection } from './connection';
import { Refused, sentence } from './failure';
import type { Loss, News } from './notice';
import type { Positions, RoomSummary, Seq } from './protocol';
import { Room } from './room';
import { Store } from './store';
import type { RoomEvent } from './wire';

export interface RoomsSurroundings {
  me(): string;
  online(): boolean;
  request: Connection['request'];
  held(room: Room, events: readonly RoomEvent[]): void;
  /** A room is no longer one's own. Returns how many messages for it were given up. */
  dropped(room: Room): number;
  notify(news: News): void;
}

/** Of so many rooms, those where something happened last, the newest event is loaded without their being opened. */
const PREVIEWS = 30;
/** A room that nobody looks at is cut when it holds more than this. */
const MANY = 500;

export class Rooms {
  /** In the order of the server's list; undefined until it is known. */
  readonly list = new Store<readonly Room[] | undefined>(undefined);
  #surroundings: RoomsSurroundings;
  #byId = new Map<string, Room>();
  #opened: string | undefined;
  /** Events of rooms that the list has not named yet. */
  #early: RoomEvent[] = [];
  /** Where one was removed, so that an older list does not bring the room back. */
  #removedAt = new Map<string, Seq>();
  #listing: Promise<void> | undefined;
  #listAgain = false;
  #listTries = 0;
  #listTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(surroundings: RoomsSurroundings) {
    this.#surroundings = surroundings;
  }

  get(id: string): Room | undefined {
    return this.#byId.get(id);
  }

  get all(): Iterable<Room> {
    return this.#byId.values();
  }

  get positions(): Positions {
    const positions: Positions = {};
    for (const room of this.#byId.values()) {
      if (room.position !== undefined) positions[room.id] = room.position;
    }
    return positions;
  }

  open(roomId: string | undefined): void {
    if (this.#opened !== roomId && this.#opened !== undefined) this.get(this.#opened)?.trim();
    this.#opened = roomId;
    // Offline, or before it is known what became of the room, the next list does it.
    if (roomId !== undefined && this.#surroundings.online()) void this.get(roomId)?.look();
  }

  /** Events of one room, in order. Those of a room not known yet wait for the list. */
  take(roomId: string, events: readonly RoomEvent[]): void {
    const room = this.get(roomId);
    if (room !== undefined) {
      room.apply(...events);
      if (roomId !== this.#opened && room.state.get().events.length > MANY) room.trim();
    } else {
      this.#early.push(...events);
    }
  }

  /** A summary from the server. Returns the room's id. */
  add(summary: RoomSummary): string {
    const known = this.#byId.get(summary.id);
    if (known !== undefined) {
      const read = known.listed(summary);
      if (read > summary.readSeq && read <= summary.seq) this.#tellRead(summary.id, read);
      return summary.id;
    }
    if (summary.seq < (this.#removedAt.get(summary.id) ?? 0)) return summary.id;
    const room = new Room(summary, {
      me: this.#surroundings.me(),
      request: this.#surroundings.request,
      held: this.#surroundings.held,
    });
    this.#byId.set(summary.id, room);
    this.#publish();
    if (this.#opened === summary.id) void room.look();
    return summary.id;
  }

  /** One is no longer a member, since this position if it is known. */
  drop(roomId: string, seq: Seq, how: Loss): void {
    const room = this.#byId.get(roomId);
    if (seq > 0) this.#removedAt.set(roomId, seq);
    if (room === undefined) return;
    this.#byId.delete(roomId);
    room.close();
    const unsent = this.#surroundings.dropped(room);
    this.#surroundings.notify({ ...how, room: room.state.get().summary.name, unsent });
    this.#publish();
  }

  /** The store was replaced: positions of the old one mean nothing under the new one's name. */
  forgetLog(): void {
    this.#early = [];
    this.#removedAt.clear();
  }

  /** Ask for the list of rooms, once more if something happened while it was on its way. */
  refresh(): Promise<void> {
    if (this.#listing !== undefined) {
      this.#listAgain = true;
      return this.#listing;
    }
    this.#listing = this.#ask().finally(() => {
      this.#listing = undefined;
      if (this.#listAgain && this.#surroundings.online()) void this.refresh();
      this.#listAgain = false;
    });
    return this.#listing;
  }

  close(): void {
    clearTimeout(this.#listTimer);
    for (const room of this.#byId.values()) room.close();
  }

  async #ask(): Promise<void> {
    const before = new Set(this.#byId.keys());
    let rooms: RoomSummary[];
    try {
      rooms = (await this.#surroundings.request('room:list', {})).rooms;
    } catch (failure) {
      this.#later(failure);
      return;
    }
    this.#listTries = 0;
    for (const summary of rooms) this.add(summary);
    const named = new Set(rooms.map(({ id }) => id));
    for (const id of before) if (!named.has(id)) this.drop(id, 0, { kind: 'gone' });
    for (const event of this.#early.splice(0)) {
      if (this.#byId.has(event.roomId)) this.take(event.roomId, [event]);
    }
    this.#publish();
    await this.#preview();
  }

  /** Rooms that are to be reloaded wait for the list: it is asked for until it comes. */
  #later(failure: unknown): void {
    if (failure instanceof Refused && !failure.retryable) {
      this.#surroundings.notify({ kind: 'problem', text: sentence(failure) });
      return;
    }
    // Without a connection the next resume asks again.
    if (!this.#surroundings.online()) return;
    this.#listTries += 1;
    const ms = delay(RESEND, this.#listTries, Math.random());
    clearTimeout(this.#listTimer);
    this.#listTimer = setTimeout(() => void this.refresh(), ms);
  }

  /** Load what is looked at, then the newest event of the other rooms. */
  async #preview(): Promise<void> {
    if (this.#opened !== undefined) await this.get(this.#opened)?.look();
    const at = (room: Room) => room.state.get().summary.at ?? '';
    const newest = [...this.#byId.values()].sort((a, b) => at(b).localeCompare(at(a)));
    await Promise.all(newest.slice(0, PREVIEWS).map((room) => room.ensure(1)));
  }

  #tellRead(roomId: string, seq: Seq): void {
    this.#surroundings.request('room:read', { roomId, seq }).catch(() => undefined);
  }

  #publish(): void {
    this.list.set([...this.#byId.values()]);
  }
}
