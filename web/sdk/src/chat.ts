// A client of Plaza, whole: one connection, the rooms one is a member of, and the messages on their way.

import { delay, RESEND } from './backoff';
import { CatchUp } from './catch-up';
import { Connection } from './connection';
import type { Credentials } from './credentials';
import { Refused, sentence } from './failure';
import { Outbox } from './outbox';
import { LocalOutboxStorage, type KeyedStorage } from './outbox-storage';
import type {
  Member,
  MemberChange,
  Positions,
  ReadEvent,
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

/** Events that come within this many milliseconds of others are taken in together. */
const TOGETHER_MS = 50;
/** So many rooms get their last event shown in the list without being opened. */
const PREVIEWS = 30;

export class Chat {
  readonly connection: Connection;
  readonly me = new Store<User | undefined>(undefined);
  /** In the order of the server's list; undefined until it is known. */
  readonly rooms = new Store<readonly Room[] | undefined>(undefined);
  readonly outbox = new Store<Outbox | undefined>(undefined);
  readonly notices = new Store<readonly Notice[]>([]);
  #options: ChatOptions;
  #epoch: string | undefined;
  #byId = new Map<string, Room>();
  #opened: string | undefined;
  #catchUp = new CatchUp();
  #live: RoomEvent[] = [];
  #liveTakenAt = 0;
  #liveTimer: ReturnType<typeof setTimeout> | undefined;
  /** Events of rooms that the list has not named yet. */
  #early: RoomEvent[] = [];
  /** Where one was removed, so that an older list does not bring the room back. */
  #removedAt = new Map<string, Seq>();
  #listing: Promise<void> | undefined;
  #listAgain = false;
  #listTries = 0;
  #listTimer: ReturnType<typeof setTimeout> | undefined;
  #nextNotice = 1;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.connection = new Connection(
      {
        proof: (fresh) => options.credentials.proof(fresh),
        held: () => this.#positions(),
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

  /** What the last reconnect brought; set it to `undefined` when it has been read. */
  get resumption(): CatchUp['resumption'] {
    return this.#catchUp.resumption;
  }

  room(id: string): Room | undefined {
    return this.#byId.get(id);
  }

  /** Look at a room: its newest events are loaded and kept. */
  open(roomId: string | undefined): void {
    if (this.#opened !== roomId && this.#opened !== undefined) this.room(this.#opened)?.trim();
    this.#opened = roomId;
    // Offline, or before it is known what became of the room, the next list does it.
    if (roomId !== undefined && this.connection.online) void this.room(roomId)?.look();
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
    clearTimeout(this.#listTimer);
    clearTimeout(this.#liveTimer);
    for (const room of this.#byId.values()) room.close();
  }

  #positions(): { positions: Positions; epoch: string } | undefined {
    this.#takeLive();
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
    this.#catchUp.begin();
    if (this.#epoch !== undefined && this.#epoch !== session.epoch) this.#forgetLog();
    this.#epoch = session.epoch;
    this.me.set(session.user);
    if (before === undefined) this.#startOutbox(session.user);
  }

  /** The store was replaced: positions of the old one mean nothing under the new one's name. */
  #forgetLog(): void {
    this.#early = [];
    this.#removedAt.clear();
    for (const room of this.#byId.values()) this.#reload(room, 'epoch');
  }

  #reload(room: Room, reason: 'too_far' | 'trimmed' | 'epoch'): void {
    room.reset(reason);
    if (reason === 'epoch') this.outbox.get()?.forgetSent(room.id);
    this.#catchUp.reloaded({ roomId: room.id, name: room.state.get().summary.name, reason });
  }

  #startOutbox(user: User): void {
    const outbox = new Outbox({
      storage: new LocalOutboxStorage(this.#options.storage, user.id),
      send: ({ roomId, clientId, text }) =>
        this.connection.request('message:send', { roomId, clientId, kind: 'text', body: { text } }),
      newId: randomId,
      position: (roomId) => this.room(roomId)?.position,
    });
    this.outbox.set(outbox);
    void outbox.restore();
  }

  /** Live events are taken in at once; together, where they come faster than anybody could see them. */
  #event(event: RoomEvent): void {
    if (this.connection.state.get().phase === 'catching-up') {
      this.#catchUp.hold(event);
      return;
    }
    this.#live.push(event);
    const wait = this.#liveTakenAt + TOGETHER_MS - Date.now();
    if (wait <= 0 || wait > TOGETHER_MS) this.#takeLive();
    else this.#liveTimer ??= setTimeout(() => this.#takeLive(), wait);
  }

  #takeLive(): void {
    clearTimeout(this.#liveTimer);
    this.#liveTimer = undefined;
    this.#liveTakenAt = Date.now();
    const me = this.me.get()?.id;
    for (const [roomId, events] of Map.groupBy(this.#live.splice(0), (event) => event.roomId)) {
      const last = events.findLastIndex((event) => event.type === 'member:removed' && event.user.id === me);
      const removed = events[last];
      if (removed?.type === 'member:removed') this.#removed(removed);
      const since = events.slice(last + 1);
      const room = this.room(roomId);
      if (room !== undefined) this.#take(room, ...since);
      else if (since.length > 0) {
        this.#early.push(...since);
        void this.refresh();
      }
    }
  }

  /** One is no longer in the room; what came of it before goes with it. */
  #removed({ roomId, seq, by }: MemberChange): void {
    this.#drop(roomId, seq, (name) =>
      by.id === this.me.get()?.id ? `You left ${name}.` : `${by.name} removed you from ${name}.`,
    );
  }

  /** That one was removed may be undone a few events later: here it is an event like others. */
  #takeMissed(): void {
    for (const [roomId, events] of this.#catchUp.take()) {
      const room = this.room(roomId);
      if (room === undefined) {
        this.#early.push(...events);
        continue;
      }
      const before = room.position ?? 0;
      // What this page itself has on its way was never missed.
      const own = (event: RoomEvent) => event.type === 'message' && this.outbox.get()?.has(event.clientId);
      this.#catchUp.count(events.filter((event) => event.seq > before && !own(event)));
      this.#take(room, ...events);
    }
  }

  #take(room: Room, ...events: readonly RoomEvent[]): void {
    room.apply(...events);
    if (room.id !== this.#opened && room.state.get().events.length > 500) room.trim();
  }

  /** A room holds these, and all up to its position: what is on its way may have arrived. */
  #held(room: Room, events: readonly RoomEvent[]): void {
    const outbox = this.outbox.get();
    const me = this.me.get()?.id;
    for (const event of events) {
      if (event.type === 'message' && event.sender.id === me) outbox?.observe(event);
    }
    if (room.position !== undefined) outbox?.observePosition(room.id, room.position);
  }

  #resumed({ rooms }: RoomsResumed): void {
    this.#takeMissed();
    for (const [id, outcome] of Object.entries(rooms)) {
      const room = this.room(id);
      if (room === undefined) continue;
      if (!('reload' in outcome)) {
        room.anchor(outcome.to);
        room.heal(outcome.to);
      } else if (outcome.reload === 'unknown') {
        this.#drop(id, 0, () => `You are no longer in ${room.state.get().summary.name}.`);
      } else {
        this.#reload(room, outcome.reload);
      }
    }
    this.#catchUp.end();
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

  /** Rooms that are to be reloaded wait for the list: it is asked for until it comes. */
  #listLater(failure: unknown): void {
    if (failure instanceof Refused && !failure.retryable) this.notify(sentence(failure));
    // Without a connection the next resume asks again.
    else if (this.connection.online) {
      this.#listTries += 1;
      const ms = delay(RESEND, this.#listTries, Math.random());
      clearTimeout(this.#listTimer);
      this.#listTimer = setTimeout(() => this.connection.online && void this.refresh(), ms);
    }
  }

  async #list(): Promise<void> {
    const before = new Set(this.#byId.keys());
    let rooms: RoomSummary[];
    try {
      rooms = (await this.connection.request('room:list', {})).rooms;
    } catch (failure) {
      this.#listLater(failure);
      return;
    }
    this.#listTries = 0;
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
    if (this.#opened !== undefined) await this.room(this.#opened)?.look();
    for (const room of [...this.#byId.values()].slice(0, PREVIEWS)) await room.ensure(1);
  }

  #add(summary: RoomSummary): Room | { id: string } {
    const known = this.#byId.get(summary.id);
    if (known !== undefined) {
      const read = known.listed(summary);
      if (read > summary.readSeq && read <= summary.seq) this.#tellRead(summary.id, read);
      return known;
    }
    if (summary.seq < (this.#removedAt.get(summary.id) ?? 0)) return { id: summary.id };
    const room = new Room(summary, {
      me: this.me.get()?.id ?? '',
      request: (name, payload) => this.connection.request(name, payload),
      held: (of, events) => this.#held(of, events),
    });
    this.#byId.set(summary.id, room);
    this.#publish();
    if (this.#opened === summary.id) void room.look();
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
    room.close();
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
