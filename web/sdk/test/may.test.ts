// What one may do, as far as a client can know.

import { describe, expect, it } from 'vitest';
import { tally } from '../src/summary';
import { may } from '../src/wire';
import { message, summary } from './log';

describe('may', () => {
  it('lets members of a group bring people in and put plain members out, unless its owners manage them', () => {
    const free = may('member', 'group');
    expect([free.add, free.remove('member'), free.remove('moderator')]).toEqual([true, true, false]);
    const managed = may('member', 'group', 'owners');
    expect([managed.add, managed.remove('member')]).toEqual([false, false]);
    const moderator = may('moderator', 'group', 'owners');
    expect([moderator.add, moderator.remove('member'), moderator.remove('moderator')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('brings nobody into a public room, and lets those who lead it put out who is below', () => {
    expect(may('owner', 'public').add).toBe(false);
    expect(may('member', 'public').remove('member')).toBe(false);
    expect(may('moderator', 'public').remove('member')).toBe(true);
    expect(may('owner', 'public').remove('moderator')).toBe(true);
  });

  it('changes nothing about the two of a direct room', () => {
    const two = may('owner', 'direct');
    expect([two.add, two.rename, two.remove('member'), two.leave]).toEqual([false, false, false, false]);
  });
});

describe('tally', () => {
  it('knows when the newest event happened, whatever order it is told in', () => {
    const late = { ...message(5), at: '2026-02-02T00:00:00.000Z' };
    expect(tally(summary(), [late, message(4)], 'me')).toMatchObject({ seq: 5, at: late.at });
  });
});
