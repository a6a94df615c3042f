import { describe, expect, it } from 'vitest';
import { Timeline } from '../src/timeline';
import type { MessageEvent, RoomEvent } from '../src/wire';

function message(seq: number): MessageEvent {
  return {
    type: 'message',
    roomId: 'general',
    seq,
    id: `m_${seq}`,
    clientId: `c_${seq}`,
    sender: { id: 'u_1', name: 'Ana', guest: false },
    kind: 'text',
    body: { text: `number ${seq}` },
    at: '2026-01-01T00:00:00.000Z',
  };
}

const run = (from: number, to: number): MessageEvent[] =>
  Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
const seqs = (events: readonly RoomEvent[]) => events.map((event) => event.seq);

/** A timeline that holds the events `from..=to`. */
function holding(from: number, to: number): Timeline {
  const timeline = new Timeline();
  timeline.anchor(from - 1);
  for (const event of run(from, to)) timeline.apply(event);
  return timeline;
}

describe('Timeline', () => {
  it('holds live events in order and says which are new', () => {
    const timeline = new Timeline();
    timeline.anchor(4);
    expect(seqs(timeline.apply(message(5)))).toEqual([5]);
    expect(seqs(timeline.apply(message(6)))).toEqual([6]);
    expect(seqs(timeline.events)).toEqual([5, 6]);
    expect(timeline.position).toBe(6);
  });

  it('takes an event that comes twice once', () => {
    const timeline = holding(1, 3);
    expect(timeline.apply(message(2))).toEqual([]);
    expect(timeline.apply(message(3))).toEqual([]);
    expect(seqs(timeline.events)).toEqual([1, 2, 3]);
    expect(timeline.hasGap).toBe(false);
  });

  it('shows nothing beyond a hole until the hole is filled', () => {
    const timeline = holding(1, 3);
    expect(timeline.apply(message(6))).toEqual([]);
    expect(timeline.apply(message(5))).toEqual([]);
    expect(timeline.hasGap).toBe(true);
    expect(timeline.position).toBe(3);
    expect(seqs(timeline.apply(message(4)))).toEqual([4, 5, 6]);
    expect(timeline.hasGap).toBe(false);
    expect(seqs(timeline.events)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('merges a page that overlaps what came live while it was on its way', () => {
    const timeline = holding(1, 3);
    timeline.apply(message(7));
    timeline.apply(message(8));
    for (const event of run(3, 7)) timeline.apply(event);
    expect(seqs(timeline.events)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(timeline.hasGap).toBe(false);
  });

  it('puts older pages in front, only where they fit', () => {
    const timeline = holding(11, 12);
    expect(timeline.hasOlder).toBe(true);
    expect(timeline.prepend(run(3, 8))).toBe(false);
    expect(timeline.prepend([message(8), message(10)])).toBe(false);
    expect(timeline.prepend(run(6, 12))).toBe(true);
    expect(seqs(timeline.events)).toEqual([6, 7, 8, 9, 10, 11, 12]);
    expect(timeline.prepend(run(1, 5))).toBe(true);
    expect(timeline.hasOlder).toBe(false);
  });

  it('keeps what arrives before it knows where the room stands', () => {
    const timeline = new Timeline();
    expect(timeline.apply(message(9))).toEqual([]);
    expect(timeline.apply(message(8))).toEqual([]);
    expect(timeline.apply(message(7))).toEqual([]);
    expect(timeline.position).toBeUndefined();
    expect(timeline.hasGap).toBe(false);
    expect(seqs(timeline.anchor(7))).toEqual([8, 9]);
    expect(timeline.position).toBe(9);
  });

  it('is anchored once: a later word on where the room stands changes nothing', () => {
    const timeline = holding(1, 3);
    expect(timeline.anchor(50)).toEqual([]);
    expect(timeline.position).toBe(3);
  });

  it('begins again after a reload, with a log that may be shorter', () => {
    const timeline = holding(900, 1_000);
    timeline.apply(message(1_005));
    timeline.clear();
    expect(timeline.events).toEqual([]);
    timeline.apply(message(4));
    timeline.anchor(3);
    expect(seqs(timeline.events)).toEqual([4]);
    timeline.prepend(run(1, 3));
    expect(seqs(timeline.events)).toEqual([1, 2, 3, 4]);
    expect(timeline.hasGap).toBe(false);
  });

  it('lets go of old events and can fetch them again', () => {
    const timeline = holding(1, 30);
    timeline.trim(10);
    expect(seqs(timeline.events)[0]).toBe(21);
    expect(timeline.position).toBe(30);
    expect(timeline.hasOlder).toBe(true);
    expect(timeline.prepend(run(11, 20))).toBe(true);
    expect(timeline.events).toHaveLength(20);
  });

  it('gives a new array at each change, so that a page can compare', () => {
    const timeline = holding(1, 2);
    const before = timeline.events;
    timeline.apply(message(2));
    expect(timeline.events).toBe(before);
    timeline.apply(message(3));
    expect(timeline.events).not.toBe(before);
    expect(before).toHaveLength(2);
  });
});
