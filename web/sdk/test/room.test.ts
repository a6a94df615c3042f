import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lost, Refused } from '../src/failure';
import type { EventsPage, RoomSummary } from '../src/protocol';
import { Room, type RoomSurroundings } from '../src/room';
import type { MessageEvent, RoomEvent } from '../src/wire';

const ME = 'u_me';

function message(seq: number, sender = 'u_other'): MessageEvent {
  return {
    type: 'message',
    roomId: 'general',
    seq,
    id: `m_${seq}`,
    clientId: `c_${seq}`,
    sender: { id: sender, name: sender, guest: false },
    kind: 'text',
    body: { text: `number ${seq}` },
    at: '2026-01-01T00:00:00.000Z',
  };
}

const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
const summary = (change: Partial<RoomSummary> = {}): RoomSummary => ({
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

/** A room over a log of `top` events; `fail` is thrown by the next requests, one each. */
function roomOver(top: number, first = summary()) {
  const log = run(1, top);
  const asked: object[] = [];
  const fail: Error[] = [];
  const held: RoomEvent[] = [];
  const request = (_: string, payload: { after?: number; before?: number; limit?: number }) => {
    asked.push(payload);
    const failure = fail.shift();
    if (failure !== undefined) return Promise.reject(failure);
    const { after = 0, before = top + 1, limit = 50 } = payload;
    const found = log.filter(({ seq }) => seq > after && seq < before);
    const events = 'after' in payload ? found.slice(0, limit) : found.slice(-limit);
    return Promise.resolve<EventsPage>({ events, more: found.length > events.length });
  };
  const room = new Room(first, {
    me: ME,
    request: request as RoomSurroundings['request'],
    held: (_, events) => held.push(...events),
  });
  const seqs = () => room.state.get().events.map(({ seq }) => seq);
  return { room, asked, fail, held, seqs };
}

const settled = () => vi.advanceTimersByTimeAsync(0);
const busy = () => new Refused({ code: 'busy', message: 'Busy.', retryable: true });

describe('Room', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('fetches what lies between, and says what it holds', async () => {
    const { room, asked, held, seqs } = roomOver(600);
    room.apply(message(600));
    expect(seqs()).toEqual([]);
    await settled();
    expect(seqs()).toEqual(run(4, 600).map(({ seq }) => seq));
    expect(held.map(({ seq }) => seq)).toEqual(seqs());
    expect(asked).toHaveLength(3);
    expect(room.state.get().summary.unread).toBe(597);
  });

  it('asks again for what lies between until it comes', async () => {
    const { room, asked, fail, seqs } = roomOver(9);
    fail.push(busy(), new Lost('The server did not answer.'), busy());
    room.apply(message(9));
    await settled();
    expect(asked).toHaveLength(1);
    expect(seqs()).toEqual([]);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(seqs()).toEqual([4, 5, 6, 7, 8, 9]);
    expect(asked).toHaveLength(4);
  });

  it('asks no more once it is closed, or is refused for good', async () => {
    const closed = roomOver(9);
    closed.fail.push(busy());
    closed.room.apply(message(9));
    await settled();
    closed.room.close();
    const refused = roomOver(9);
    refused.fail.push(new Refused({ code: 'not_found', message: 'There is none.', retryable: false }));
    refused.room.apply(message(9));
    await vi.advanceTimersByTimeAsync(120_000);
    expect([closed.asked.length, refused.asked.length]).toEqual([1, 1]);
  });

  it('holds no position between a reset and the list, and nothing of before after it', async () => {
    const { room, seqs } = roomOver(9);
    room.apply(...run(4, 6));
    room.reset('too_far');
    expect(room.position).toBeUndefined();
    room.apply(message(9));
    expect(room.position).toBeUndefined();
    expect(room.state.get().anchored).toBe(false);
    room.listed(summary({ seq: 8, readSeq: 3, unread: 5 }));
    expect(room.position).toBe(9);
    expect(room.state.get().summary).toMatchObject({ seq: 9, unread: 6 });
    await room.ensure(50);
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('believes the list about another log, and tells nothing of this one', () => {
    const { room } = roomOver(900, summary({ seq: 900, readSeq: 900 }));
    room.reset('epoch');
    expect(room.listed(summary({ seq: 4, readSeq: 1, unread: 3 }))).toBe(0);
    expect(room.state.get().summary).toMatchObject({ seq: 4, readSeq: 1, unread: 3 });
    expect(room.position).toBe(4);
  });

  it('knows better than a list that is older than what came in', () => {
    const { room } = roomOver(6);
    room.apply(message(4), message(5, ME), message(6));
    room.read(4);
    expect(room.listed(summary({ seq: 4, readSeq: 3, unread: 1 }))).toBe(4);
    expect(room.state.get().summary).toMatchObject({ seq: 6, readSeq: 4, unread: 1 });
  });

  it('can be loaded again after a load that failed', async () => {
    const { room, fail, seqs } = roomOver(3);
    fail.push(new Lost());
    await room.ensure(50);
    expect(room.state.get().problem).toBe('The connection to the server was lost.');
    room.anchor(3);
    expect(room.state.get().problem).toBeUndefined();
    await room.ensure(50);
    expect(seqs()).toEqual([1, 2, 3]);
  });
});
