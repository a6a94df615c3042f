// Events of a room, for tests.

import type { RoomSummary, User } from '../src/protocol';
import type { ChangeEvent, MessageEvent } from '../src/wire';

export const at = '2026-01-01T00:00:00.000Z';
export const person = (id: string): User => ({ id, name: id, guest: false });

export function message(seq: number, sender = 'u_other', roomId = 'general'): MessageEvent {
  return {
    type: 'message',
    roomId,
    seq,
    id: `m_${seq}`,
    clientId: `c_${seq}`,
    sender: person(sender),
    kind: 'text',
    body: { text: `number ${seq}` },
    at,
  };
}

export const run = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => message(from + i));

type Simple = 'member:added' | 'member:removed' | 'member:banned' | 'member:unbanned';
export const change = (seq: number, type: Simple, user: string, by = user): ChangeEvent => ({
  type,
  roomId: 'general',
  seq,
  user: person(user),
  by: person(by),
  at,
});

export const summary = (change: Partial<RoomSummary> = {}): RoomSummary => ({
  id: 'general',
  name: 'general',
  kind: 'public',
  seq: 3,
  members: 2,
  readSeq: 3,
  unread: 0,
  role: 'member',
  ...change,
});
