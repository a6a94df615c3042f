import { describe, expect, it } from 'vitest';
import { around, earlier, follow, later, MOST, newest, STEP, type Held, type Span } from './window';

const held = (first: number, last: number): Held => ({ first, last });
const size = ({ from, to }: Span, { last }: Held) => (to ?? last) - from + 1;

describe('window', () => {
  it('begins with what is newest, as far as it is held', () => {
    expect(newest(held(41, 90))).toEqual({ from: 41, to: undefined });
    expect(newest(held(1, 1_000))).toEqual({ from: 1_001 - MOST, to: undefined });
  });

  it('walks from the end to the beginning and back, overlapping, never longer than allowed', () => {
    const all = held(1, 1_234);
    let span = newest(all);
    const seen = new Set<number>();
    const look = () => {
      expect(size(span, all)).toBeLessThanOrEqual(MOST);
      for (let seq = span.from; seq <= (span.to ?? all.last); seq += 1) seen.add(seq);
    };
    while (span.from > 1) {
      const before = span;
      look();
      span = earlier(span, all);
      expect(span.from).toBe(Math.max(1, before.from - STEP));
    }
    look();
    expect(seen.size).toBe(1_234);
    expect(span).toEqual({ from: 1, to: MOST });
    while (span.to !== undefined) span = later(span, all);
    expect(span.from).toBe(1_234 - MOST + 1);
    expect(later(span, all)).toBe(span);
  });

  it('draws what is around a place, and no more than there is', () => {
    expect(around(500, held(1, 1_000))).toEqual({ from: 400, to: 699 });
    expect(around(5, held(1, 1_000))).toEqual({ from: 1, to: 300 });
    expect(around(999, held(1, 1_000))).toEqual({ from: 701, to: undefined });
    expect(around(20, held(10, 40))).toEqual({ from: 10, to: undefined });
  });

  it('does not cut what is short', () => {
    const all = held(1, 120);
    expect(earlier({ from: 51, to: undefined }, all)).toEqual({ from: 1, to: undefined });
  });

  it('follows the end for one who is there, and stops growing for one who is not', () => {
    let span = newest(held(1, 50));
    expect(follow(span, held(1, 51), true)).toBe(span);
    span = follow(span, held(1, MOST + STEP), true);
    expect(span).toEqual({ from: 1, to: undefined });
    const more = held(1, MOST + STEP + 1);
    expect(follow(span, more, true)).toEqual({ from: STEP + 2, to: undefined });
    const left = follow(span, more, false);
    expect(left).toEqual({ from: 1, to: MOST + STEP });
    expect(follow(left, held(1, 9_000), false)).toBe(left);
  });

  it('begins again where what it showed is no longer held', () => {
    expect(follow({ from: 1, to: 300 }, held(701, 900), true)).toEqual({ from: 701, to: undefined });
    expect(follow({ from: 500, to: undefined }, held(3, 9), true)).toEqual({ from: 3, to: undefined });
  });
});
