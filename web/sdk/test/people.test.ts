// Presence and typing: what is asked of the server, and what is forgotten.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../src/connection';
import { Presence } from '../src/presence';
import type { PresenceList } from '../src/protocol';
import { TypingPeople } from '../src/typing';
import { at, message, person } from './log';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const later = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function presence(answer: () => Promise<PresenceList>) {
  const asked: unknown[] = [];
  const request = (_: string, payload: unknown) => {
    asked.push(payload);
    return answer();
  };
  return { presence: new Presence(request as Connection['request']), asked };
}

describe('Presence', () => {
  it('watches the sum of what is in view, together, and again on every connection', async () => {
    const list = { online: [person('a')], offline: [{ user: person('b'), lastSeen: at }] };
    const { presence: people, asked } = presence(() => Promise.resolve(list));
    const stops = [people.watch(['a', 'b']), people.watch(['b', 'c'])];
    await later(100);
    expect(asked).toEqual([]);
    people.connected();
    await later(100);
    expect(asked).toEqual([{ add: ['a', 'b', 'c'], remove: [] }]);
    expect(people.of('a').get()).toEqual({ online: true, lastSeen: undefined });
    expect(people.of('b').get()).toEqual({ online: false, lastSeen: at });

    stops[0]?.();
    stops[0]?.();
    await later(100);
    expect(asked.at(-1)).toEqual({ add: [], remove: ['a'] });
    people.told({ user: person('c'), online: true });
    expect(people.of('c').get()?.online).toBe(true);
    people.lost();
    expect(people.of('c').get()).toBeUndefined();
    people.connected();
    await later(100);
    expect(asked.at(-1)).toEqual({ add: ['b', 'c'], remove: [] });
  });

  it('watches no more than a connection may, the latest of them', async () => {
    const { presence: people, asked } = presence(() => Promise.reject(new Error('no')));
    people.connected();
    people.watch(Array.from({ length: 600 }, (_, i) => `u_${i}`));
    await later(100);
    const [{ add }] = asked as [{ add: string[] }];
    expect([add.length, add[0], add.at(-1)]).toEqual([500, 'u_100', 'u_599']);
  });
});

describe('TypingPeople', () => {
  const asked: unknown[] = [];
  const people = () => {
    asked.length = 0;
    const request = (_: string, payload: unknown) => (asked.push(payload), Promise.resolve({}));
    return new TypingPeople(request as unknown as Connection['request']);
  };
  const told = (user: string) => ({ roomId: 'general', user: person(user), forMs: 6_000 });

  it('shows who writes for as long as the server says, or until their message comes', async () => {
    const typing = people();
    const names = () =>
      typing
        .in('general')
        .get()
        .map(({ id }) => id);
    typing.told(told('a'));
    await later(4_000);
    typing.told(told('a'));
    typing.told(told('b'));
    typing.told(told('c'));
    await later(4_000);
    expect(names()).toEqual(['a', 'b', 'c']);
    typing.happened(message(5, 'b'));
    expect(names()).toEqual(['a', 'c']);
    await later(2_000);
    expect(names()).toEqual([]);
  });

  it('says that one writes every few seconds, however fast one types', async () => {
    const typing = people();
    for (let i = 0; i < 40; i += 1) {
      typing.say('general');
      await later(100);
    }
    typing.say('elsewhere');
    expect(asked).toEqual([{ roomId: 'general' }, { roomId: 'general' }, { roomId: 'elsewhere' }]);
  });
});
