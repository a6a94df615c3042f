// Times, names and numbers as people read them.

import type { ChangeEvent, RoomEvent, User } from '../../sdk/src';
import { lineOf } from './kinds';
import { t } from './text';

const clock = new Intl.DateTimeFormat(t.locale, { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat(t.locale, { dateStyle: 'full', timeStyle: 'medium' });
const weekday = new Intl.DateTimeFormat(t.locale, { weekday: 'long', day: 'numeric', month: 'long' });
const dated = new Intl.DateTimeFormat(t.locale, { dateStyle: 'long' });
const short = new Intl.DateTimeFormat(t.locale, { day: 'numeric', month: 'short' });
const exact = new Intl.DateTimeFormat(t.locale, { dateStyle: 'medium', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(t.locale, { numeric: 'auto' });
const list = new Intl.ListFormat(t.locale, { type: 'conjunction' });

export const timeOfDay = (at: Date) => clock.format(at);
export const fullTime = (at: Date) => full.format(at);
export const exactTime = (at: Date) => exact.format(at);
export const longDate = (at: Date) => dated.format(at);
export const listOf = (names: Iterable<string>) => list.format(names);

/** A local day, to compare. */
export const dayOf = (at: Date) => `${at.getFullYear()}-${at.getMonth() + 1}-${at.getDate()}`;

function daysBefore(at: Date, now: Date): number {
  const midnight = (d: Date) => Date.UTC(d.getFullYear(), d.getMonth(), d.getDate());
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

export function dayLabel(at: Date, now: Date): string {
  const days = daysBefore(at, now);
  if (days === 0) return t.common.today;
  if (days === 1) return t.common.yesterday;
  return days > 0 && days < 300 ? weekday.format(at) : dated.format(at);
}

/** For a list: the time today, the day before that. */
export function briefTime(at: Date, now: Date): string {
  return daysBefore(at, now) === 0 ? clock.format(at) : short.format(at);
}

/** How long ago: to the minute, the hour, the day; later the date. */
export function ago(at: Date, now: Date): string {
  const minutes = Math.max(0, Math.round((now.getTime() - at.getTime()) / 60_000));
  if (minutes < 60) return relative.format(-minutes, 'minute');
  if (minutes < 24 * 60) return relative.format(-Math.round(minutes / 60), 'hour');
  const days = daysBefore(at, now);
  return days <= 7 ? relative.format(-days, 'day') : short.format(at);
}

/** What happened, other than a message, as one sentence. */
export function changeSentence(change: ChangeEvent, me: string | undefined): string {
  const by = change.by?.id === me ? t.changes.you : (change.by?.name ?? '');
  if (change.type === 'room:changed') {
    return change.name === undefined ? t.timeline.unknown : t.changes.renamed(by, change.name);
  }
  const { user } = change as Extract<ChangeEvent, { user: unknown }>;
  // A type that a later server has.
  if (user === undefined) return t.timeline.unknown;
  const self = user.id === change.by.id;
  const who = user.id === me ? t.changes.you : user.name;
  const whom = user.id === me ? t.changes.youObject : user.name;
  switch (change.type) {
    case 'member:added':
      // The first event of a room is its maker's coming.
      if (change.seq === 1 && self) return t.changes.made(who);
      return self ? t.changes.joined(who) : t.changes.added(by, whom);
    case 'member:removed':
      return self ? t.changes.left(who) : t.changes.removed(by, whom);
    case 'member:banned':
      return t.changes.banned(by, whom);
    case 'member:unbanned':
      return t.changes.unbanned(by, whom);
    case 'member:changed':
      return t.changes.role(by, whom, t.members.roleArticle[change.role]);
    default:
      return t.timeline.unknown;
  }
}

/** One line for a list, or for whoever listens. */
export function told(event: RoomEvent, me: string, longest: number): string {
  if (event.type !== 'message') return changeSentence(event, me);
  const who = event.sender.id === me ? t.common.youStart : event.sender.name;
  const text = lineOf(event);
  return `${who}: ${text.length > longest ? `${text.slice(0, longest)}…` : text}`;
}

/** One of the twelve colours that senders have, the same for the same id everywhere. */
export function hueOf(userId: string): number {
  let hash = 2_166_136_261;
  for (let i = 0; i < userId.length; i += 1) {
    hash = Math.imul(hash ^ userId.charCodeAt(i), 16_777_619);
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % 12;
}

/** What stands beside the name of one without an account. */
export const markOf = (user: User) => (user.webhook ? t.common.webhook : t.common.guest);

/** The first letter, as a person sees letters. */
export function initialOf(name: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(name.trim());
  return first?.segment.toLocaleUpperCase() ?? '?';
}

/** To compare names as somebody who types in a hurry. */
export const plain = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase();

const encoder = new TextEncoder();
export const byteLength = (text: string) => encoder.encode(text).length;
