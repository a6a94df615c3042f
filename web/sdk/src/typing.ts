// Who is writing into which room. Never stored, said again every few seconds, and forgotten when it is not.

import type { Connection } from './connection';
import type { TypingEvent, User } from './protocol';
import { Store, type Readable } from './store';
import type { RoomEvent } from './wire';

/** One's own writing is said at most this often. */
const SAY_EVERY_MS = 3_000;

export class TypingPeople {
  #request: Connection['request'];
  #rooms = new Map<string, Store<readonly User[]>>();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #said = new Map<string, number>();

  constructor(request: Connection['request']) {
    this.#request = request;
  }

  /** Those who write into a room, in the order in which they began. */
  in(roomId: string): Readable<readonly User[]> {
    return this.#room(roomId);
  }

  /** One writes. Call it with every key. */
  say(roomId: string): void {
    const now = Date.now();
    if (now - (this.#said.get(roomId) ?? 0) < SAY_EVERY_MS) return;
    this.#said.set(roomId, now);
    this.#request('typing', { roomId }).catch(() => undefined);
  }

  told({ roomId, user, forMs }: TypingEvent): void {
    const room = this.#room(roomId);
    if (!room.get().some(({ id }) => id === user.id)) room.update((people) => [...people, user]);
    const key = `${roomId} ${user.id}`;
    clearTimeout(this.#timers.get(key));
    this.#timers.set(
      key,
      setTimeout(() => this.#stop(roomId, user.id), forMs),
    );
  }

  /** Their message has come, or they have left. */
  happened(event: RoomEvent): void {
    if (event.type === 'message') this.#stop(event.roomId, event.sender.id);
    else if (event.type === 'member:removed' || event.type === 'member:banned') {
      this.#stop(event.roomId, event.user.id);
    }
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const room of this.#rooms.values()) room.set([]);
  }

  #room(roomId: string): Store<readonly User[]> {
    let room = this.#rooms.get(roomId);
    if (room === undefined) this.#rooms.set(roomId, (room = new Store<readonly User[]>([])));
    return room;
  }

  #stop(roomId: string, userId: string): void {
    const key = `${roomId} ${userId}`;
    clearTimeout(this.#timers.get(key));
    if (!this.#timers.delete(key)) return;
    this.#room(roomId).update((people) => people.filter(({ id }) => id !== userId));
  }
}
