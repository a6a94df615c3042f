// A client of Plaza, whole: one connection, the rooms one is a member of, and the messages on their way.

import { Connection } from './connection';
import type { Credentials } from './credentials';
import { Refused } from './failure';
import { Outbox } from './outbox';
import { LocalOutboxStorage, type KeyedStorage } from './outbox-storage';
import type {
  Member,
  Positions,
  ReadEvent,
  Reload,
  RoomEvent,
  RoomsResumed,
  RoomSummary,
  Seq,
  Session,
  User,
} from './protocol';
import { randomId } from './random';
import { Room } from './room';
import { Store } from './store';

/** What the last reconnect brought. */
export interface Resumption {
  /** Messages that were missed and have been caught up with. */
  messages: number;
  /** Comings and goings of members, likewise. */
  changes: number;
  /** Rooms whose timeline had to be replaced, and why. */
  reloaded: { name: string; reason: Exclude<Reload, 'unknown'> }[];
}

export interface Notice {
  id: number;
  text: string;
}

export interface ChatOptions {
  credentials: Credentials;
  storage: KeyedStorage;
  /** The server, when it is not where the page comes from. */
  url?: string;
  /** Another account than before answered: what is on the page belongs to somebody else. */
  accountChanged?(): void;
}

const FIRST_PAGE = 50;
/** So many rooms get their last event shown in the list without being opened. */
const PREVIEWS = 30;

export class Chat {
  readonly connection: Connection;
  readonly me = new Store<User | undefined>(undefined);
  /** In the order of the server's list; undefined until it is known. */
  readonly rooms = new Store<readonly Room[] | undefined>(undefined);
  readonly outbox = new Store<Outbox | undefined>(undefined);
  readonly resumption = new Store<Resumption | undefined>(undefined);
  readonly notices = new Store<readonly Notice[]>([]);
  #options: ChatOptions;
  #epoch: string | undefined;
  #byId = new Map<string, Room>();
  #opened: string | undefined;
  /** What a resume brings is taken in at its end, so that a page draws a thousand messages once. */
  #missed: RoomEvent[] = [];
  #caughtUp = { messages: 0, changes: 0 };
  #connectedBefore = false;
  /** Events of rooms that the list has not named yet. */
  #early: RoomEvent[] = [];
  /** Where one was removed, so that an older list does not bring the room back. */
  #removedAt = new Map<string, Seq>();
  #listing: Promise<void> | undefined;
  #listAgain = false;
  #nextNotice = 1;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.connection = new Connection(
      {
        proof: (fresh) => options.credentials.proof(fresh),
        held: () => this.#held(),
        session: (session) => this.#session(session),
        event: (event) => this.#event(event),
        resumed: (resumed) => this.#resumed(resumed),
        read: (event) => this.#read(event),
      },
      options.url,
    );
    this.connection.state.subscribe(({ phase }) => {
      if (phase !== 'catching-up') this.#takeMissed();
      this.outbox.get()?.setOnline(phase === 'online');
    });
  }

  room(id: string): Room | undefined {
    return this.#byId.get(id);
  }

  /** Look at a room: its newest events are loaded and kept. */
  open(roomId: string | undefined): void {
    if (this.#opened !== roomId && this.#opened !== undefined) this.room(this.#opened)?.trim();
    this.#opened = roomId;
    if (roomId !== undefined) void this.room(roomId)?.ensure(FIRST_PAGE);
  }

  async create(name: string, kind: 'public' | 'group', id?: string): Promise<string> {
    const request = id === undefined ? { name, kind } : { name, kind, id };
    const { room } = await this.connection.request('room:create', request);
    return this.#add(room).id;
  }

  async join(roomId: string): Promise<string> {
    const { room } = await this.connection.request('room:join', { roomId });
    return this.#add(room).id;
  }

  async leave(roomId: string): Promise<void> {
    const { seq } = await this.connection.request('room:leave', { roomId });
    this.#drop(roomId, seq, (name) => `You left ${name}.`);
  }

  /** A page of members; give `next` of the page before as `after`. */
  members(roomId: string, after?: string): Promise<{ members: Member[]; next?: string }> {
    return this.connection.request('room:members', after === undefined ? { roomId } : { roomId, after });
  }

  addMember(roomId: string, user: string): Promise<unknown> {
    return this.connection.request('member:add', { roomId, user });
  }

  removeMember(roomId: string, user: string): Promise<unknown> {
    return this.connection.request('member:remove', { roomId, user });
  }

  send(roomId: string, text: string): void {
    this.outbox.get()?.submit(roomId, text);
  }

  /** Read up to here. If the server cannot be told now, the next list tells that it does not know. */
  markRead(roomId: string, seq: Seq): void {
    if (!this.connection.online || !this.room(roomId)?.read(seq)) return;
    this.connection.request('room:read', { roomId, seq }).catch(() => undefined);
  }

  notify(text: string): void {
    const id = this.#nextNotice++;
    this.notices.update((notices) => [...notices.slice(-4), { id, text }]);
  }

  dismiss(noticeId: number): void {
    this.notices.update((notices) => notices.filter(({ id }) => id !== noticeId));
  }

  close(): void {
    this.connection.close();
    this.outbox.get()?.close();
  }

  #held(): { positions: Positions; epoch: string } | undefined {
    if (this.#epoch === undefined) return undefined;
    const positions: Positions = {};
    for (const room of this.#byId.values()) {
      if (room.position !== undefined) positions[room.id] = room.position;
    }
    return { positions, epoch: this.#epoch };
  }

  #session(session: Session): void {
    const before = this.me.get();
    if (session.token !== undefined) this.#options.credentials.guestToken(session.token);
    if (before !== undefined && before.id !== session.user.id) {
      this.#options.accountChanged?.();
      return;
    }
    this.#epoch = session.epoch;
    this.#caughtUp = { messages: 0, changes: 0 };
    this.resumption.set(undefined);
    this.me.set(session.user);
    if (before === undefined) this.#startOutbox(session.user);
  }

  #startOutbox(user: User): void {
    const outbox = new Outbox({
      storage: new LocalOutboxStorage(this.#options.storage, user.id),
      send: ({ roomId, clientId, text }) =>
        this.connection.request('message:send', { roomId, clientId, kind: 'text', body: { text } }),
      newId: randomId,
    });
    this.outbox.set(outbox);
    void outbox.restore();
  }

  #event(event: RoomEvent): void {
    if (this.connection.state.get().phase === 'catching-up') {
      this.#missed.push(event);
      return;
    }
    const me = this.me.get()?.id;
    const room = this.room(event.roomId);
    if (event.type === 'member:removed' && event.user.id === me) {
      const by = event.by.id === me ? undefined : event.by.name;
      this.#drop(event.roomId, event.seq, (name) =>
        by === undefined ? `You left ${name}.` : `${by} removed you from ${name}.`,
      );
      return;
    }
    if (room === undefined) {
      this.#early.push(event);
      void this.refresh();
      return;
    }
    this.#take(room, event);
  }

  /** That one was removed may be undone a few events later: here it is an event like others. */
  #takeMissed(): void {
    const byRoom = Map.groupBy(this.#missed.splice(0), ({ roomId }) => roomId);
    for (const [roomId, events] of byRoom) {
      const room = this.room(roomId);
      if (room === undefined) {
        this.#early.push(...events);
        continue;
      }
      const before = room.position ?? 0;
      this.#take(room, ...events);
      const fresh = events.filter(({ seq }) => seq > before);
      const messages = fresh.filter(({ type }) => type === 'message').length;
      this.#caughtUp.messages += messages;
      this.#caughtUp.changes += fresh.length - messages;
    }
  }

  #take(room: Room, ...events: readonly RoomEvent[]): void {
    room.apply(...events);
    const outbox = this.outbox.get();
    const me = this.me.get()?.id;
    for (const event of events) {
      if (event.type === 'message' && event.sender.id === me) outbox?.observe(event);
    }
    if (room.position !== undefined) outbox?.observePosition(room.id, room.position);
    if (room.id !== this.#opened && room.state.get().events.length > 500) room.trim();
  }

  #resumed({ rooms }: RoomsResumed): void {
    this.#takeMissed();
    const reloaded: Resumption['reloaded'] = [];
    for (const [id, outcome] of Object.entries(rooms)) {
      const room = this.room(id);
      if (room === undefined) continue;
      const { name } = room.state.get().summary;
      if (!('reload' in outcome)) {
        room.anchor(outcome.to);
        void room.heal(outcome.to);
      } else if (outcome.reload === 'unknown') {
        this.#drop(id, 0, () => `You are no longer in ${name}.`);
      } else {
        room.reset();
        reloaded.push({ name, reason: outcome.reload });
      }
    }
    if (this.#connectedBefore) this.resumption.set({ ...this.#caughtUp, reloaded });
    this.#connectedBefore = true;
    void this.refresh();
  }

  #read({ roomId, seq }: ReadEvent): void {
    const room = this.room(roomId);
    if (room?.read(seq) && room.state.get().summary.unread > 0) void this.refresh();
  }

  /** Ask for the list of rooms, once more if something happened while it was on its way. */
  refresh(): Promise<void> {
    if (this.#listing !== undefined) {
      this.#listAgain = true;
      return this.#listing;
    }
    this.#listing = this.#list().finally(() => {
      this.#listing = undefined;
      if (this.#listAgain && this.connection.online) void this.refresh();
      this.#listAgain = false;
    });
    return this.#listing;
  }

  async #list(): Promise<void> {
    const before = new Set(this.#byId.keys());
    let rooms: RoomSummary[];
    try {
      rooms = (await this.connection.request('room:list', {})).rooms;
    } catch (failure) {
      // Without a connection the next resume asks again; a refusal is worth telling.
      if (failure instanceof Refused) this.notify(failure.message);
      return;
    }
    for (const summary of rooms) this.#add(summary);
    const named = new Set(rooms.map(({ id }) => id));
    for (const id of before) {
      if (!named.has(id)) this.#drop(id, 0, (name) => `You are no longer in ${name}.`);
    }
    for (const event of this.#early.splice(0)) {
      const room = this.room(event.roomId);
      if (room !== undefined) this.#take(room, event);
    }
    this.#publish();
    await this.#preview();
  }

  /** Load what is looked at, then the last event of the other rooms. */
  async #preview(): Promise<void> {
    if (this.#opened !== undefined) await this.room(this.#opened)?.ensure(FIRST_PAGE);
    for (const room of [...this.#byId.values()].slice(0, PREVIEWS)) await room.ensure(1);
  }

  #add(summary: RoomSummary): Room | { id: string } {
    const known = this.#byId.get(summary.id);
    if (known !== undefined) {
      const unsaved = known.state.get().summary.readSeq;
      known.listed(summary);
      if (unsaved > summary.readSeq && unsaved <= summary.seq) this.#tellRead(summary.id, unsaved);
      return known;
    }
    if (summary.seq < (this.#removedAt.get(summary.id) ?? 0)) return { id: summary.id };
    const room = new Room(summary, this.me.get()?.id ?? '', (name, payload) =>
      this.connection.request(name, payload),
    );
    this.#byId.set(summary.id, room);
    this.#publish();
    if (this.#opened === summary.id) void room.ensure(FIRST_PAGE);
    return room;
  }

  #tellRead(roomId: string, seq: Seq): void {
    this.connection.request('room:read', { roomId, seq }).catch(() => undefined);
  }

  #drop(roomId: string, seq: Seq, notice: (name: string) => string): void {
    const room = this.#byId.get(roomId);
    if (seq > 0) this.#removedAt.set(roomId, seq);
    if (room === undefined) return;
    this.#byId.delete(roomId);
    const unsent = this.outbox.get()?.discardRoom(roomId).length ?? 0;
    const lost =
      unsent === 0 ? '' : ` ${unsent} unsent ${unsent === 1 ? 'message was' : 'messages were'} given up.`;
    this.notify(notice(room.state.get().summary.name) + lost);
    this.#publish();
  }

  #publish(): void {
    this.rooms.set([...this.#byId.values()]);
  }
}
