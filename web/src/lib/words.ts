// Times, names and numbers as people read them.

import type { MemberChange } from '../../sdk/src';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dated = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const short = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

export const timeOfDay = (at: Date) => clock.format(at);
export const fullTime = (at: Date) => full.format(at);

/** A local day, to compare. */
export const dayOf = (at: Date) => `${at.getFullYear()}-${at.getMonth() + 1}-${at.getDate()}`;

function daysBefore(at: Date, now: Date): number {
  const midnight = (d: Date) => Date.UTC(d.getFullYear(), d.getMonth(), d.getDate());
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

export function dayLabel(at: Date, now: Date): string {
  const days = daysBefore(at, now);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days > 0 && days < 300 ? weekday.format(at) : dated.format(at);
}

/** For a list: the time today, the day before that. */
export function briefTime(at: Date, now: Date): string {
  return daysBefore(at, now) === 0 ? clock.format(at) : short.format(at);
}

export function count(n: number, one: string, many: string): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

/** What a change of members says, as one sentence. */
export function changeSentence(change: MemberChange, me: string | undefined): string {
  const self = change.user.id === change.by.id;
  const who = change.user.id === me ? 'You' : change.user.name;
  const whom = change.user.id === me ? 'you' : change.user.name;
  const by = change.by.id === me ? 'You' : change.by.name;
  // The first event of a room is its maker's coming.
  if (change.seq === 1 && self) return `${who} made this room`;
  if (change.type === 'member:added') return self ? `${who} joined` : `${by} added ${whom}`;
  return self ? `${who} left` : `${by} removed ${whom}`;
}

/** One of the twelve colours that senders have, the same for the same id everywhere. */
export function hueOf(userId: string): number {
  let hash = 2_166_136_261;
  for (let i = 0; i < userId.length; i += 1) {
    hash = Math.imul(hash ^ userId.charCodeAt(i), 16_777_619);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % 12;
}

/** The first letter, as a person sees letters. */
export function initialOf(name: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(name.trim());
  return first?.segment.toLocaleUpperCase() ?? '?';
}

const encoder = new TextEncoder();
export const byteLength = (text: string) => encoder.encode(text).length;
