// Messages on their way: shown at once, sent in order, tried until the server has said yes or no.
//
// A message keeps its `clientId` through every retry and through a reload of the page, so the server can tell a
// retry from a new message. It is settled by whichever comes first: the acknowledgement, or the message itself
// coming back as an event. A room has one message in flight: of several, the server could put off
// the first (`busy`, `rate_limited`) and take the second, and what was written first would stand last. Nobody
// writes faster than one message a round trip for long.

import { delay, RESEND } from './backoff';
import { Refused, sentence } from './failure';
import type { Code, Message, Seq, SentMessage } from './protocol';
import { Store } from './store';

export interface OutboxItem {
  readonly clientId: string;
  readonly roomId: string;
  readonly text: string;
  /** Milliseconds since 1970, by this browser's clock; for showing and for order among one's own. */
  readonly writtenAt: number;
  readonly state: 'queued' | 'sending' | 'sent' | 'failed';
  /** When sent: its position. */
  readonly seq?: Seq;
  /** When failed: why. */
  readonly reason?: string;
  readonly code?: Code;
  readonly attempts: number;
}

/** Where unsent messages outlive the page. Asynchronous, so that IndexedDB fits as well as localStorage. */
export interface OutboxStorage {
  load(): Promise<OutboxItem[]>;
  put(item: OutboxItem): Promise<void>;
  remove(clientId: string): Promise<void>;
}

export interface OutboxOptions {
  storage: OutboxStorage;
  send(item: OutboxItem): Promise<SentMessage>;
  newId(): string;
  /** Up to where a room is held. */
  position?(roomId: string): Seq | undefined;
  now?(): number;
  random?(): number;
}

export class Outbox {
  readonly items = new Store<readonly OutboxItem[]>([]);
  #options: OutboxOptions;
  #online = false;
  /** The clientId in flight, by room. */
  #inFlight = new Map<string, string>();
  #waiting = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Bring back what an earlier page could not send. */
  async restore(): Promise<void> {
    const known = new Set(this.items.get().map((item) => item.clientId));
    const stored = (await this.#options.storage.load())
      .filter((item) => !known.has(item.clientId))
      .map((item): OutboxItem => (item.state === 'failed' ? item : { ...item, state: 'queued' }));
    const byTime = (a: OutboxItem, b: OutboxItem) => a.writtenAt - b.writtenAt;
    this.items.update((items) => [...stored.sort(byTime), ...items]);
    this.#pumpAll();
  }

  submit(roomId: string, text: string): OutboxItem {
    // Never earlier than what was written before, whatever the clock does.
    const last = this.items.get().at(-1)?.writtenAt ?? 0;
    const writtenAt = Math.max(this.#now(), last + 1);
    const item: OutboxItem = {
      clientId: this.#options.newId(),
      roomId,
      // Half a surrogate pair would not arrive as it left, and could not be recognised.
      text: text.toWellFormed(),
      writtenAt,
      state: 'queued',
      attempts: 0,
    };
    this.items.update((items) => [...items, item]);
    void this.#options.storage.put(item);
    this.#pump(roomId);
    return item;
  }

  /** Whether requests can be made. */
  setOnline(online: boolean): void {
    this.#online = online;
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    if (online) this.#pumpAll();
  }

  /** Try a failed message again: under the same `clientId`, unless another message has that. */
  retry(clientId: string): void {
    const item = this.#change(clientId, (old) => {
      const again: { reason?: string; code?: Code; clientId: string } & OutboxItem = {
        ...old,
        state: 'queued',
      };
      if (old.code === 'conflict') again.clientId = this.#options.newId();
      delete again.reason;
      delete again.code;
      return again;
    });
    if (item === undefined) return;
    void this.#options.storage.put(item);
    if (item.clientId !== clientId) void this.#options.storage.remove(clientId);
    this.#pump(item.roomId);
  }

  discard(clientId: string): void {
    this.#settle(clientId);
  }

  /** Give up everything for a room one is no longer in. Returns what was not sent. */
  discardRoom(roomId: string): OutboxItem[] {
    clearTimeout(this.#waiting.get(roomId));
    this.#waiting.delete(roomId);
    const unsent = this.items.get().filter((item) => item.roomId === roomId);
    for (const item of unsent) this.#settle(item.clientId);
    return unsent.filter((item) => item.state !== 'sent');
  }

  has(clientId: string): boolean {
    return this.#find(clientId) !== undefined;
  }

  /** Messages of which it is not known that they arrived. */
  get unsent(): readonly OutboxItem[] {
    return this.items.get().filter(({ state }) => state !== 'sent');
  }

  /** One's own message has been seen in the log: it is there, whatever became of the acknowledgement. */
  observe(message: Message): void {
    const item = this.#find(message.clientId);
    // Another text under this `clientId` is another message.
    if (item?.roomId === message.roomId && item.text === message.body.text) this.#settle(item.clientId);
  }

  /** The room is held up to here: what was sent at or below it is in the timeline, or before it. */
  observePosition(roomId: string, position: Seq): void {
    for (const item of this.items.get()) {
      if (item.roomId === roomId && item.seq !== undefined && item.seq <= position) {
        this.#settle(item.clientId);
      }
    }
  }

  /** The log that took what was sent to this room is replaced: nothing more will be seen of it. */
  forgetSent(roomId: string): void {
    for (const item of this.items.get()) {
      if (item.roomId === roomId && item.state === 'sent') this.#settle(item.clientId);
    }
  }

  /** Give up everything, here and in storage. */
  discardAll(): void {
    this.close();
    for (const { clientId } of this.items.get()) void this.#options.storage.remove(clientId);
    this.items.set([]);
  }

  /** No timers are left behind. What is unsent stays in storage. */
  close(): void {
    this.setOnline(false);
  }

  #pumpAll(): void {
    for (const roomId of new Set(this.items.get().map((item) => item.roomId))) this.#pump(roomId);
  }

  #pump(roomId: string): void {
    if (!this.#online || this.#inFlight.has(roomId) || this.#waiting.has(roomId)) return;
    const next = this.items.get().find((item) => item.roomId === roomId && item.state === 'queued');
    if (next === undefined) return;
    this.#inFlight.set(roomId, next.clientId);
    const item = this.#change(next.clientId, (old) => ({
      ...old,
      state: 'sending',
      attempts: old.attempts + 1,
    }));
    if (item !== undefined) void this.#deliver(item);
  }

  async #deliver(item: OutboxItem): Promise<void> {
    try {
      const { seq } = await this.#options.send(item);
      this.#change(item.clientId, (old) => ({ ...old, state: 'sent', seq }));
      void this.#options.storage.remove(item.clientId);
      // The answer to a repeated message may name a place that was passed long ago.
      const position = this.#options.position?.(item.roomId);
      if (position !== undefined) this.observePosition(item.roomId, position);
    } catch (failure) {
      this.#refused(item, failure);
    }
    if (this.#inFlight.get(item.roomId) === item.clientId) this.#inFlight.delete(item.roomId);
    this.#pump(item.roomId);
  }

  #refused(item: OutboxItem, failure: unknown): void {
    if (this.#find(item.clientId) === undefined) return;
    if (failure instanceof Refused && !failure.retryable) {
      const failed = this.#change(item.clientId, (old) => ({
        ...old,
        state: 'failed',
        reason: sentence(failure),
        code: failure.code,
      }));
      if (failed !== undefined) void this.#options.storage.put(failed);
      return;
    }
    this.#change(item.clientId, (old) => ({ ...old, state: 'queued' }));
    const atLeast = failure instanceof Refused ? (failure.retryAfterMs ?? 0) : 0;
    const random = (this.#options.random ?? Math.random)();
    this.#wait(item.roomId, atLeast + delay(RESEND, item.attempts, random));
  }

  #wait(roomId: string, ms: number): void {
    const done = () => {
      this.#waiting.delete(roomId);
      this.#pump(roomId);
    };
    // Offline, coming online is what ends the wait.
    if (this.#online) this.#waiting.set(roomId, setTimeout(done, ms));
  }

  #settle(clientId: string): void {
    const item = this.#find(clientId);
    if (item === undefined) return;
    this.items.update((items) => items.filter((other) => other.clientId !== clientId));
    void this.#options.storage.remove(clientId);
    if (this.#inFlight.get(item.roomId) === clientId) this.#inFlight.delete(item.roomId);
    this.#pump(item.roomId);
  }

  #find(clientId: string): OutboxItem | undefined {
    return this.items.get().find((item) => item.clientId === clientId);
  }

  #change(clientId: string, change: (item: OutboxItem) => OutboxItem): OutboxItem | undefined {
    let changed: OutboxItem | undefined;
    const items = this.items.get().map((item) => {
      if (item.clientId !== clientId) return item;
      changed = change(item);
      return changed;
    });
    if (changed !== undefined) this.items.set(items);
    return changed;
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}
