// A client of Plaza, whole: one connection, the rooms one is a member of, the messages on their way, and who is there.

import { Blocked } from './blocked';
import { CatchUp } from './catch-up';
import { Connection } from './connection';
import type { Credentials } from './credentials';
import type { News, Notice } from './notice';
import { Outbox } from './outbox';
import { IndexedDbOutboxStorage, MemoryOutboxStorage, type OutboxStorage } from './outbox-storage';
import { Presence } from './presence';
import type {
  CreateRoom,
  ManagedBy,
  Positions,
  ReadEvent,
  RoomsResumed,
  RoomSummary,
  Seq,
  Session,
  User,
} from './protocol';
import { randomId } from './random';
import type { Room } from './room';
import { Rooms } from './rooms';
import { Store } from './store';
import { tabs, type Tabs } from './turn';
import { TypingPeople } from './typing';
import { actorOf, may, takenOut, type MessageEvent, type RoomEvent } from './wire';

export interface ChatOptions {
  /** Who one is: `Credentials`, or any other source of proofs. */
  credentials: Pick<Credentials, 'proof' | 'guestToken'>;
  /** The server, when it is not where the page comes from. */
  url?: string;
  /** Where unsent messages are kept; absent: IndexedDB where there is one. */
  outboxStorage?(account: string): OutboxStorage;
  /** The other tabs of an account; absent: those that share this browser. */
  tabs?(account: string): Tabs;
  /** Another account than before answered: what is on the page belongs to somebody else. */
  accountChanged?(): void;
}

/** Told of somebody else's message that has just come, live. */
export type Arrived = (room: Room, message: MessageEvent) => void;

/** Events that come within this many milliseconds of others are taken in together. */
const TOGETHER_MS = 50;

export class Chat {
  readonly connection: Connection;
  readonly me = new Store<User | undefined>(undefined);
  readonly outbox = new Store<Outbox | undefined>(undefined);
  readonly notices = new Store<readonly Notice[]>([]);
  readonly presence: Presence;
  readonly typing: TypingPeople;
  readonly blocked: Blocked;
  /** Typed requests, for all that has no method here. */
  readonly request: Connection['request'];
  #options: ChatOptions;
  #epoch: string | undefined;
  #managedBy: ManagedBy = 'anyone';
  #rooms: Rooms;
  #catchUp = new CatchUp();
  #live: RoomEvent[] = [];
  #liveTakenAt = 0;
  #liveTimer: ReturnType<typeof setTimeout> | undefined;
  #nextNotice = 1;
  #listeners = new Set<Arrived>();

  constructor(options: ChatOptions) {
    this.#options = options;
    const request: Connection['request'] = (name, payload) => this.connection.request(name, payload);
    this.request = request;
    this.presence = new Presence(request);
    this.typing = new TypingPeople(request);
    this.blocked = new Blocked(request);
    this.#rooms = new Rooms({
      me: () => this.me.get()?.id ?? '',
      online: () => this.connection.online,
      request,
      held: (room, events) => this.#held(room, events),
      dropped: (room) => {
        this.#catchUp.dropped(room.id);
        return this.outbox.get()?.discardRoom(room.id).length ?? 0;
      },
      notify: (news) => this.notify(news),
    });
    this.connection = new Connection(
      {
        proof: (fresh) => options.credentials.proof(fresh),
        held: () => this.#positions(),
        session: (session) => this.#session(session),
        event: (event) => this.#event(event),
        resumed: (resumed) => this.#resumed(resumed),
        asides: {
          read: (event) => this.#read(event),
          receipts: (event) => this.room(event.roomId)?.members.receipts(event),
          typing: (event) => this.typing.told(event),
          presence: (event) => this.presence.told(event),
        },
      },
      options.url,
    );
    this.connection.state.subscribe(({ phase }) => {
      if (phase !== 'catching-up') this.#takeMissed();
      if (phase === 'online') this.presence.connected();
      else this.presence.lost();
      this.outbox.get()?.setOnline(phase === 'online');
    });
  }

  /** What the last reconnect brought; set it to `undefined` when it has been read. */
  get resumption(): CatchUp['resumption'] {
    return this.#catchUp.resumption;
  }

  /**
   * Waits until one is connected and has caught up.
   * @throws Refused, where the server does not let one in
   */
  async online(): Promise<void> {
    let stop = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        stop = this.connection.state.subscribe((state) => {
          if (state.phase === 'online') resolve();
          else if (state.phase === 'refused') reject(state.error);
        });
      });
    } finally {
      stop();
    }
  }

  /** In the order of the server's list; undefined until it is known. */
  get rooms(): Rooms['list'] {
    return this.#rooms.list;
  }

  room(id: string): Room | undefined {
    return this.#rooms.get(id);
  }

  /** Look at a room: its newest events are loaded and kept. */
  open(roomId: string | undefined): void {
    this.#rooms.open(roomId);
  }

  /** What one may do in a room, so that nothing is offered that would be refused. The server decides. */
  may({ role, kind }: RoomSummary): ReturnType<typeof may> {
    return may(role, kind, this.#managedBy);
  }

  /** Gives the room's id. */
  async create(request: CreateRoom): Promise<string> {
    return this.#rooms.add((await this.request('room:create', request)).room);
  }

  /** Gives the room's id. */
  async join(roomId: string): Promise<string> {
    return this.#rooms.add((await this.request('room:join', { roomId })).room);
  }

  async leave(roomId: string): Promise<void> {
    const { seq } = await this.request('room:leave', { roomId });
    this.#rooms.drop(roomId, seq, { kind: 'left' });
  }

  /** Shown at once, sent when it can be, once. */
  send(roomId: string, text: string): void {
    this.outbox.get()?.submit(roomId, text);
  }

  /** Read up to here. If the server cannot be told now, the next list tells that it does not know. */
  markRead(roomId: string, seq: Seq): void {
    if (!this.connection.online || !this.room(roomId)?.read(seq)) return;
    this.request('room:read', { roomId, seq }).catch(() => undefined);
  }

  /** Have a listener told of others' messages as they come, until the returned function is called. */
  onArrived(listener: Arrived): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  notify(news: News): void {
    const id = this.#nextNotice++;
    this.notices.update((notices) => [...notices.slice(-4), { id, ...news }]);
  }

  dismiss(noticeId: number): void {
    this.notices.update((notices) => notices.filter(({ id }) => id !== noticeId));
  }

  close(): void {
    this.connection.close();
    this.outbox.get()?.close();
    this.presence.close();
    this.typing.close();
    this.#rooms.close();
    clearTimeout(this.#liveTimer);
  }

  #positions(): { positions: Positions; epoch: string } | undefined {
    this.#takeLive();
    return this.#epoch === undefined ? undefined : { positions: this.#rooms.positions, epoch: this.#epoch };
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
    this.#managedBy = session.membersManagedBy ?? 'anyone';
    this.me.set(session.user);
    if (before === undefined) this.#startOutbox(session.user);
  }

  #forgetLog(): void {
    this.#rooms.forgetLog();
    for (const room of this.#rooms.all) this.#reload(room, 'epoch');
  }

  #reload(room: Room, reason: 'too_far' | 'trimmed' | 'epoch'): void {
    room.reset(reason);
    if (reason === 'epoch') this.outbox.get()?.forgetSent(room.id);
    this.#catchUp.reloaded({ roomId: room.id, name: room.state.get().summary.name, reason });
  }

  #startOutbox(user: User): void {
    const stored = typeof indexedDB === 'undefined' ? new MemoryOutboxStorage() : undefined;
    const storage = this.#options.outboxStorage?.(user.id) ?? stored ?? new IndexedDbOutboxStorage(user.id);
    const outbox = new Outbox({
      storage,
      tabs: (this.#options.tabs ?? ((account) => tabs(`plaza.outbox.${account}`)))(user.id),
      send: ({ roomId, clientId, text }) =>
        this.request('message:send', { roomId, clientId, kind: 'text', body: { text } }),
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
      const last = events.findLastIndex((event) => takenOut(event) === me);
      const removed = events[last];
      if (removed !== undefined) this.#removed(removed);
      const since = events.slice(last + 1);
      if (since.length === 0) continue;
      const before = this.room(roomId)?.position ?? Infinity;
      this.#rooms.take(roomId, since);
      const room = this.room(roomId);
      if (room === undefined) void this.#rooms.refresh();
      else
        this.#tell(
          room,
          since.filter(({ seq }) => seq > before),
        );
    }
  }

  /** Somebody wrote: they are not writing any more, and others may want to know. */
  #tell(room: Room, events: readonly RoomEvent[]): void {
    for (const event of events) {
      this.typing.happened(event);
      if (event.type !== 'message' || event.sender.id === this.me.get()?.id) continue;
      for (const listener of this.#listeners) listener(room, event);
    }
  }

  /** One is no longer in the room; what came of it before goes with it. */
  #removed(event: RoomEvent): void {
    if (event.type !== 'member:removed' && event.type !== 'member:banned') return;
    const { roomId, seq, by } = event;
    const kind = event.type === 'member:banned' ? 'banned' : 'removed';
    const self = by.id === this.me.get()?.id;
    this.#rooms.drop(roomId, seq, self ? { kind: 'left' } : { kind, by });
  }

  /** That one was removed may be undone a few events later: here it is an event like others. */
  #takeMissed(): void {
    for (const [roomId, events] of this.#catchUp.take()) {
      const before = this.room(roomId)?.position ?? 0;
      // What this page itself has on its way was never missed.
      const own = (event: RoomEvent) => event.type === 'message' && this.outbox.get()?.has(event.clientId);
      if (this.room(roomId) !== undefined) {
        this.#catchUp.count(events.filter((event) => event.seq > before && !own(event)));
      }
      this.#rooms.take(roomId, events);
    }
  }

  /** A room holds these, and all up to its position: what is on its way may have arrived. */
  #held(room: Room, events: readonly RoomEvent[]): void {
    const outbox = this.outbox.get();
    const me = this.me.get()?.id;
    for (const event of events) {
      if (event.type === 'message' && actorOf(event)?.id === me) outbox?.observe(event);
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
        this.#rooms.drop(id, 0, { kind: 'gone' });
      } else {
        this.#reload(room, outcome.reload);
      }
    }
    this.#catchUp.end();
    void this.#rooms.refresh();
  }

  #read({ roomId, seq }: ReadEvent): void {
    const room = this.room(roomId);
    if (room?.read(seq) && room.state.get().summary.unread > 0) void this.#rooms.refresh();
  }
}
