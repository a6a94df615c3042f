// A timeline as rows to draw: days, the line above what is unread, comings and goings, messages in groups.

import type { ChangeEvent, Member, MessageEvent, OutboxItem, RoomEvent, Seq, User } from '../../sdk/src';
import { lineOf, textOf, type Said } from './kinds';
import { dayLabel, dayOf } from './words';

export interface ShownMessage {
  sender: User;
  /** What it says, in one line where it is no text. */
  text: string;
  /** What is more than text. */
  said: Said | undefined;
  at: Date;
  mine: boolean;
  /** A message of the log is `sent`; one on its way may be anything. */
  state: OutboxItem['state'];
  seq: Seq | undefined;
  clientId: string;
  reason: string | undefined;
}

export type Row =
  | { kind: 'day'; key: string; label: string }
  | { kind: 'unread'; key: string }
  | { kind: 'change'; key: string; change: ChangeEvent; at: Date }
  | { kind: 'message'; key: string; message: ShownMessage; head: boolean };

export interface RowsOf {
  events: readonly RoomEvent[];
  pending: readonly OutboxItem[];
  me: User;
  /** Others' messages above this get a line above them. */
  divider: Seq | undefined;
  now: Date;
}

/** Messages of one sender this close together share one heading. */
const GROUP_MS = 5 * 60_000;

/** The same object for the same event, so that only what changed is drawn again. */
const ofEvent = new WeakMap<MessageEvent, ShownMessage>();

function shownMessage(event: MessageEvent, mine: boolean): ShownMessage {
  const known = ofEvent.get(event);
  if (known?.mine === mine) return known;
  const shown: ShownMessage = {
    sender: event.sender,
    text: lineOf(event),
    said: event.kind === 'text' ? undefined : event,
    at: new Date(event.at),
    mine,
    state: 'sent',
    seq: event.seq,
    clientId: event.clientId,
    reason: undefined,
  };
  ofEvent.set(event, shown);
  return shown;
}

export function rowsOf({ events, pending, me, divider, now }: RowsOf): Row[] {
  const rows: Row[] = [];
  let day = '';
  let last: ShownMessage | undefined;
  // Where the unread begin above what is given, there is no place for the line.
  const first = events[0]?.seq ?? 0;
  let divided = divider === undefined || first > divider + 1;
  let newest = 0;
  const own = new Map<string, string>();

  const begin = (at: Date) => {
    if (dayOf(at) === day) return;
    day = dayOf(at);
    last = undefined;
    // A clock that is set back begins a day again.
    const again = rows.filter(({ key }) => key.startsWith(`d:${day}:`)).length;
    rows.push({ kind: 'day', key: `d:${day}:${again}`, label: dayLabel(at, now) });
  };
  // One's own message keeps its key from the outbox to the log, so its element stays the same.
  const keyOf = ({ mine, clientId, seq }: ShownMessage) => (mine ? `c:${clientId}` : `s:${seq}`);
  const put = (message: ShownMessage, key = keyOf(message)) => {
    begin(message.at);
    const head =
      last === undefined ||
      last.sender.id !== message.sender.id ||
      message.at.getTime() - last.at.getTime() > GROUP_MS;
    rows.push({ kind: 'message', key, message, head });
    last = message;
  };

  for (const event of events) {
    const at = new Date(event.at);
    newest = at.getTime();
    if (event.type !== 'message') {
      begin(at);
      rows.push({ kind: 'change', key: `s:${event.seq}`, change: event, at });
      last = undefined;
      continue;
    }
    const mine = event.sender.id === me.id;
    if (mine) own.set(event.clientId, textOf(event) ?? '');
    if (!divided && !mine && event.seq > (divider ?? 0)) {
      begin(at);
      rows.push({ kind: 'unread', key: 'unread' });
      divided = true;
      last = undefined;
    }
    put(shownMessage(event, mine));
  }
  for (const item of pending) {
    if (own.get(item.clientId) === item.text) continue;
    const message: ShownMessage = {
      sender: me,
      text: item.text,
      said: undefined,
      // This browser's clock may lag behind the server's; what is not sent yet is still the newest.
      at: new Date(Math.max(item.writtenAt, newest)),
      mine: true,
      state: item.state,
      seq: item.seq,
      clientId: item.clientId,
      reason: item.reason,
    };
    // Another message of the log may have its id: then this one fails, and is shown beside it until then.
    put(message, own.has(item.clientId) ? `p:${item.clientId}` : undefined);
  }
  return rows;
}

/**
 * Who has read up to each event, of those drawn and not further: at most one place each, and none for one who wrote
 * what stands there. `read` is how far each has read, by user; `open`: more follows below what is drawn.
 */
export function readersOf(
  drawn: readonly RoomEvent[],
  members: readonly Member[],
  read: ReadonlyMap<string, Seq>,
  me: User,
  open: boolean,
): Map<Seq, User[]> {
  const places = new Map<Seq, User[]>();
  const messages = drawn.filter((event): event is MessageEvent => event.type === 'message');
  const top = drawn.at(-1)?.seq ?? 0;
  for (const member of members) {
    const seq = read.get(member.id);
    if (member.id === me.id || seq === undefined || (open && seq >= top)) continue;
    const last = messages.findLast((message) => message.seq <= seq);
    if (last === undefined || last.sender.id === member.id) continue;
    places.set(last.seq, [...(places.get(last.seq) ?? []), member]);
  }
  return places;
}
