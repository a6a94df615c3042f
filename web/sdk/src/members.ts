// Who is in a room, as far as it was asked for, kept true by the room's events; and how far each has read.

import type { Connection } from './connection';
import { sentence } from './failure';
import type { Member, Receipts } from './protocol';
import { Store } from './store';
import type { RoomEvent } from './wire';

export interface MembersState {
  /** In the order of their ids; `undefined` until the first page is there. */
  readonly members: readonly Member[] | undefined;
  /** Whether there are more than these. */
  readonly more: boolean;
  readonly loading: boolean;
  /** Why the last page did not come. */
  readonly problem: string | undefined;
}

export class Members {
  readonly state = new Store<MembersState>({
    members: undefined,
    more: false,
    loading: false,
    problem: undefined,
  });
  #roomId: string;
  #request: Connection['request'];
  #next: string | undefined;
  #loading: Promise<void> | undefined;
  /** Events that came while a page was on its way, which may or may not know of them. */
  #meanwhile: RoomEvent[] = [];
  #read = new Map<string, number>();

  constructor(roomId: string, request: Connection['request']) {
    this.#roomId = roomId;
    this.#request = request;
  }

  /** The first page, unless it is there. */
  load(): Promise<void> {
    return this.state.get().members === undefined ? this.#page(undefined) : Promise.resolve();
  }

  /** The next page. */
  more(): Promise<void> {
    return this.#next === undefined ? Promise.resolve() : this.#page(this.#next);
  }

  /** What was missed may have changed anything: ask again when somebody wants to know. */
  forget(): void {
    this.#next = undefined;
    this.state.update((state) => ({ ...state, members: undefined, more: false }));
  }

  /** Whether somebody is known to be in the room. */
  has(userId: string): boolean {
    return this.state.get().members?.some(({ id }) => id === userId) ?? false;
  }

  /** How far each has read, by user; those of whom it is not known are absent. */
  get read(): ReadonlyMap<string, number> {
    return this.#read;
  }

  apply(events: readonly RoomEvent[]): void {
    if (this.#loading !== undefined) this.#meanwhile.push(...events);
    const { members } = this.state.get();
    if (members === undefined) return;
    const changed = events.reduce((list, event) => this.#after(list, event), members);
    if (changed !== members) this.state.update((state) => ({ ...state, members: changed }));
  }

  receipts({ read }: Receipts): void {
    const { members } = this.state.get();
    for (const [id, seq] of Object.entries(read)) {
      if (seq > (this.#read.get(id) ?? -1)) this.#read.set(id, seq);
    }
    // A new list, so that whoever shows it looks again.
    if (members !== undefined) this.state.update((state) => ({ ...state, members: [...members] }));
  }

  #page(after: string | undefined): Promise<void> {
    this.#loading ??= this.#load(after).finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #load(after: string | undefined): Promise<void> {
    this.#meanwhile = [];
    this.state.update((state) => ({ ...state, loading: true, problem: undefined }));
    try {
      const roomId = this.#roomId;
      const page = await this.#request('room:members', after === undefined ? { roomId } : { roomId, after });
      for (const { id, readSeq } of page.members) {
        if (readSeq !== undefined && readSeq > (this.#read.get(id) ?? -1)) this.#read.set(id, readSeq);
      }
      const before = after === undefined ? [] : (this.state.get().members ?? []);
      const known = new Set(before.map(({ id }) => id));
      const whole = [...before, ...page.members.filter(({ id }) => !known.has(id))];
      this.#next = page.next;
      const members = this.#meanwhile.reduce(
        (list: readonly Member[], event) => this.#after(list, event),
        whole,
      );
      this.state.set({ members, more: page.next !== undefined, loading: false, problem: undefined });
    } catch (failure) {
      this.state.update((state) => ({ ...state, loading: false, problem: sentence(failure) }));
    }
  }

  /** The list after an event; the same list if it says nothing about members. */
  #after(members: readonly Member[], event: RoomEvent): readonly Member[] {
    switch (event.type) {
      case 'member:added': {
        if (members.some(({ id }) => id === event.user.id)) return members;
        // Beyond the pages that were asked for: it comes with its page.
        if (this.#next !== undefined && event.user.id > (members.at(-1)?.id ?? '')) return members;
        const member: Member = { ...event.user, role: 'member' };
        return [...members, member].sort((a, b) => (a.id < b.id ? -1 : 1));
      }
      case 'member:removed':
      case 'member:banned':
        this.#read.delete(event.user.id);
        return members.filter(({ id }) => id !== event.user.id);
      case 'member:changed':
        return members.map((member) =>
          member.id === event.user.id ? { ...member, role: event.role } : member,
        );
      default:
        return members;
    }
  }
}
