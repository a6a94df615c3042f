import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lost, Refused } from '../src/failure';
import type { EventsPage } from '../src/protocol';
import { Room, type RoomSurroundings } from '../src/room';
import type { RoomEvent } from '../src/wire';
import { at, change, message, person, run, summary } from './log';

const ME = 'u_me';

/** A room over a log of `top` events, cut up to `floor`; `fail` is thrown by the next requests, one each. */
function roomOver(top: number, first = summary(), floor = 0) {
  const log = run(floor + 1, top);
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

  it('goes far back, reads on from there both ways, and joins what is held', async () => {
    const { room, seqs } = roomOver(1_000, summary({ seq: 1_000, readSeq: 1_000 }));
    await room.ensure(50);
    expect(seqs()).toEqual(run(951, 1_000).map(({ seq }) => seq));
    await room.goTo(500);
    expect([seqs()[0], seqs().at(-1)]).toEqual([480, 579]);
    expect(room.state.get()).toMatchObject({ hasOlder: true, hasNewer: true });
    expect(room.state.get().last?.seq).toBe(1_000);
    await room.loadOlder();
    expect(seqs()[0]).toBe(430);
    // What comes meanwhile is held, and not shown here.
    room.apply(message(1_001));
    expect(seqs().at(-1)).toBe(579);
    expect(room.position).toBe(1_001);
    while (room.state.get().hasNewer) await room.loadNewer();
    expect(seqs()).toEqual(run(430, 1_001).map(({ seq }) => seq));
    await room.goTo(3);
    expect(seqs()[0]).toBe(1);
    expect(room.state.get().hasOlder).toBe(false);
    room.showNewest();
    expect(seqs().at(-1)).toBe(1_001);
  });

  it('lets go of what is far from where one reads', async () => {
    const { room, seqs } = roomOver(5_000, summary({ seq: 5_000, readSeq: 5_000 }));
    while (seqs()[0] !== 1) await room.loadOlder();
    expect(seqs().length).toBeLessThanOrEqual(2_000);
    expect(room.state.get().hasNewer).toBe(true);
    while (room.state.get().hasNewer) {
      await room.loadNewer();
      expect(seqs()).toEqual(seqs().map((_, i) => (seqs()[0] ?? 0) + i));
    }
    expect(seqs().at(-1)).toBe(5_000);
  });

  it('says where a log begins that has been cut', async () => {
    const { room, seqs } = roomOver(90, summary({ seq: 90, readSeq: 90 }), 60);
    await room.ensure(50);
    expect(seqs()[0]).toBe(61);
    expect(room.state.get()).toMatchObject({ hasOlder: false, trimmed: true });
  });

  it('counts what is left unread as one reads on, and what members, name and role become', async () => {
    const { room } = roomOver(600, summary({ seq: 600, readSeq: 100, unread: 500 }));
    await room.ensure(50);
    await room.goTo(101);
    room.read(150);
    expect(room.state.get().summary.unread).toBe(450);
    room.read(590);
    expect(room.state.get().summary.unread).toBe(10);
    const by = person('u_other');
    const common = { roomId: 'general', at, by };
    room.apply(
      change(601, 'member:added', 'u_new'),
      { type: 'member:changed', seq: 602, user: person(ME), role: 'moderator', ...common },
      { type: 'room:changed', seq: 603, name: 'The market', ...common },
      { type: 'room:painted', seq: 604, ...common } as unknown as RoomEvent,
      message(605),
    );
    expect(room.state.get().summary).toMatchObject({
      seq: 605,
      members: 3,
      role: 'moderator',
      name: 'The market',
      unread: 11,
    });
  });
});
