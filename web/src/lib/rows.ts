// A timeline as rows to draw: days, the line above what is unread, comings and goings, messages in groups.

import type { MemberChange, OutboxItem, RoomEvent, Seq, User } from '../../sdk/src';
import { dayLabel, dayOf } from './words';

export interface ShownMessage {
  sender: User;
  text: string;
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
  | { kind: 'change'; key: string; change: MemberChange; at: Date }
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

export function rowsOf({ events, pending, me, divider, now }: RowsOf): Row[] {
  const rows: Row[] = [];
  let day = '';
  let last: ShownMessage | undefined;
  let divided = divider === undefined;
  let newest = 0;
  const own = new Map<string, string>();

  const begin = (at: Date) => {
    if (dayOf(at) === day) return;
    day = dayOf(at);
    last = undefined;
    rows.push({ kind: 'day', key: `d:${day}:${rows.length}`, label: dayLabel(at, now) });
  };
  const put = (message: ShownMessage) => {
    begin(message.at);
    const head =
      last === undefined ||
      last.sender.id !== message.sender.id ||
      message.at.getTime() - last.at.getTime() > GROUP_MS;
    // One's own message keeps its key from the outbox to the log, so its element stays the same.
    const key = message.mine ? `c:${message.clientId}` : `s:${message.seq}`;
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
    if (mine) own.set(event.clientId, event.body.text);
    if (!divided && !mine && event.seq > (divider ?? 0)) {
      begin(at);
      rows.push({ kind: 'unread', key: 'unread' });
      divided = true;
      last = undefined;
    }
    put({
      sender: event.sender,
      text: event.body.text,
      at,
      mine,
      state: 'sent',
      seq: event.seq,
      clientId: event.clientId,
      reason: undefined,
    });
  }
  for (const item of pending) {
    if (own.get(item.clientId) === item.text) continue;
    put({
      sender: me,
      text: item.text,
      // This browser's clock may lag behind the server's; what is not sent yet is still the newest.
      at: new Date(Math.max(item.writtenAt, newest)),
      mine: true,
      state: item.state,
      seq: item.seq,
      clientId: item.clientId,
      reason: item.reason,
    });
  }
  return rows;
}
