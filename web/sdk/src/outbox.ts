// Messages on their way: shown at once, sent in order, tried until the server has said yes or no.
//
// A message keeps its `clientId` through every retry, through a reload of the page, and in whichever tab it is sent,
// so the server can tell a retry from a new message. It is settled by whichever comes first: the acknowledgement, or
// the message itself coming back as an event. A room has one message in flight: of several, the server could put off
// the first (`busy`, `rate_limited`, `expired`) and take the second, and what was written first would stand last.
// Nobody writes faster than one message a round trip for long.

import { delay, RESEND } from './backoff';
import { Refused, sentence } from './failure';
import type { OutboxItem } from './outbox-item';
import type { OutboxStorage } from './outbox-storage';
import type { Code, Seq, SentMessage } from './protocol';
import { Store } from './store';
import { ALONE, type Tabs } from './turn';
import type { MessageEvent } from './wire';

export interface OutboxOptions {
  storage: OutboxStorage;
  send(item: OutboxItem): Promise<SentMessage>;
  /** The tabs that share the storage; absent: there is no other. */
  tabs?: Tabs;
  newId(): string;
  /** Up to where a room is held. */
  position?(roomId: string): Seq | undefined;
  now?(): number;
  random?(): number;
}

export class Outbox {
  readonly items = new Store<readonly OutboxItem[]>([]);
  #options: OutboxOptions;
  #tabs: Tabs;
  #online = false;
  /** Gives up the turn to send, or stops waiting for it. */
  #giveUp: (() => void) | undefined;
  /** Whether it is this tab that sends, and knows all there is to send. */
  #sends = false;
  /** Messages that the storage may not show yet. */
  #storing = new Set<string>();
  /** Messages that the storage may still show. */
  #forgetting = new Set<string>();
  /** The clientId in flight, by room. */
  #inFlight = new Map<string, string>();
  #waiting = new Map<string, ReturnType<typeof setTimeout>>();
  #stop: () => void;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#tabs = options.tabs ?? ALONE;
    this.#stop = this.#tabs.onChanged(() => void this.restore());
  }

  /** Take in what is stored: by an earlier page, or by another tab. */
  async restore(): Promise<void> {
    const stored = new Map((await this.#load()).map((item) => [item.clientId, item]));
    this.items.update((items) => {
      // What another tab has sent or given up is stored no more.
      const left = items.filter(
        ({ clientId, state }) => state === 'sent' || stored.has(clientId) || this.#storing.has(clientId),
      );
      const merged = left.map((item) => {
        const other = stored.get(item.clientId);
        stored.delete(item.clientId);
        const queuedAgain = item.state === 'failed' && other?.state === 'queued';
        return other !== undefined && (other.state === 'failed' || queuedAgain) ? other : item;
      });
      const fresh = [...stored.values()]
        .filter(({ clientId }) => !this.#forgetting.has(clientId))
        .map((item): OutboxItem => (item.state === 'failed' ? item : { ...item, state: 'queued' }));
      return [...merged, ...fresh].sort((a, b) => a.writtenAt - b.writtenAt);
    });
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
    this.#put(item);
    this.#sendHere();
    this.#pump(roomId);
    return item;
  }

  /** Whether requests can be made. */
  setOnline(online: boolean): void {
    if (online === this.#online) return;
    this.#online = online;
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
    if (online) this.#takeTurn(false);
    else this.#leaveTurn();
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
    this.#put(item);
    if (item.clientId !== clientId) this.#remove(clientId);
    this.#sendHere();
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
  observe(message: MessageEvent): void {
    const item = this.#find(message.clientId);
    // Another text under this `clientId` is another message.
    const text = message.kind === 'text' ? message.body.text : undefined;
    if (item?.roomId === message.roomId && item.text === text) this.#settle(item.clientId);
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
  async discardAll(): Promise<void> {
    this.setOnline(false);
    const given = this.items.get();
    this.items.set([]);
    await Promise.all(given.map(({ clientId }) => this.#options.storage.remove(clientId))).catch(
      () => undefined,
    );
    this.#tabs.changed();
  }

  /** No timers are left behind. What is unsent stays in storage. */
  close(): void {
    this.setOnline(false);
    this.#stop();
    this.#tabs.close();
  }

  /** One writes here: this tab sends, whichever did before. */
  #sendHere(): void {
    if (this.#online && !this.#sends) this.#takeTurn(true);
  }

  #takeTurn(steal: boolean): void {
    this.#leaveTurn();
    const begin = () => {
      const mine = this.#giveUp;
      // What the tab before had not sent comes first.
      void this.restore().finally(() => {
        if (this.#giveUp !== mine || !this.#online) return;
        this.#sends = true;
        this.#pumpAll();
      });
    };
    const lost = () => this.#online && this.#takeTurn(false);
    let begun = false;
    const ours = () => {
      begun = true;
      if (this.#giveUp !== undefined) begin();
    };
    this.#giveUp = this.#tabs.turn(steal, ours, lost);
    // It may be ours before the function that gives it up is known.
    if (begun) begin();
  }

  #leaveTurn(): void {
    this.#sends = false;
    this.#giveUp?.();
    this.#giveUp = undefined;
  }

  /** What cannot be stored is still sent by this page, it just does not outlive it. */
  async #load(): Promise<OutboxItem[]> {
    return this.#options.storage.load().catch(() => [...this.items.get()]);
  }

  #put(item: OutboxItem): void {
    this.#storing.add(item.clientId);
    const stored = () => {
      this.#storing.delete(item.clientId);
      this.#tabs.changed();
    };
    // What could not be stored is not looked for in the storage either.
    this.#options.storage.put(item).then(stored, () => undefined);
  }

  #remove(clientId: string): void {
    this.#storing.delete(clientId);
    this.#forgetting.add(clientId);
    const forgotten = () => {
      this.#forgetting.delete(clientId);
      this.#tabs.changed();
    };
    this.#options.storage.remove(clientId).then(forgotten, () => undefined);
  }

  #pumpAll(): void {
    for (const roomId of new Set(this.items.get().map((item) => item.roomId))) this.#pump(roomId);
  }

  #pump(roomId: string): void {
    if (!this.#sends || this.#inFlight.has(roomId) || this.#waiting.has(roomId)) return;
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
      this.#remove(item.clientId);
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
      if (failed !== undefined) this.#put(failed);
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
    this.#remove(clientId);
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
