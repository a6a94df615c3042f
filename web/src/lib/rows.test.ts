import { describe, expect, it } from 'vitest';
import type { OutboxItem, RoomEvent, User } from '../../sdk/src';
import { rowsOf, type Row } from './rows';

const ana: User = { id: 'u_1', name: 'Ana', guest: false };
const ben: User = { id: 'v_2', name: 'Ben', guest: true };

/** A message at `minute` minutes after noon of the `day`th, local time. */
function message(seq: number, sender: User, minute: number, day = 20): RoomEvent {
  return {
    type: 'message',
    roomId: 'general',
    seq,
    id: `m_${seq}`,
    clientId: `c_${seq}`,
    sender,
    kind: 'text',
    body: { text: `${seq}` },
    at: new Date(2026, 0, day, 12, minute).toISOString(),
  };
}

function outline(events: RoomEvent[], options: { divider?: number; pending?: OutboxItem[] } = {}): string[] {
  const show = (row: Row) => {
    if (row.kind === 'day') return row.label;
    if (row.kind === 'message') return `${row.head ? '# ' : ''}${row.message.text}`;
    return row.kind;
  };
  const rows = rowsOf({
    events,
    pending: options.pending ?? [],
    me: ana,
    divider: options.divider,
    now: new Date(2026, 0, 21, 9),
  });
  expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
  return rows.map(show);
}

describe('rowsOf', () => {
  it('groups by sender and nearness, and begins each day', () => {
    const events = [
      message(1, ana, 0),
      message(2, ana, 4),
      message(3, ana, 30),
      message(4, ben, 30),
      message(5, ben, 0, 21),
    ];
    expect(outline(events)).toEqual(['Yesterday', '# 1', '2', '# 3', '# 4', 'Today', '# 5']);
  });

  it("draws the line above the first of others' messages that is unread", () => {
    const events = [message(1, ben, 0, 21), message(2, ana, 1, 21), message(3, ben, 2, 21)];
    expect(outline(events, { divider: 1 })).toEqual(['Today', '# 1', '# 2', 'unread', '# 3']);
    expect(outline(events, { divider: 3 })).not.toContain('unread');
    expect(outline(events)).not.toContain('unread');
  });

  it('draws no line where the unread begin before what is drawn', () => {
    const events = [message(5, ben, 0, 21), message(6, ben, 2, 21)];
    expect(outline(events, { divider: 4 })).toEqual(['Today', 'unread', '# 5', '6']);
    expect(outline(events, { divider: 3 })).toEqual(['Today', '# 5', '6']);
  });

  it('shows what is on its way beside a message of the log that has its id', () => {
    const item: OutboxItem = {
      clientId: 'c_1',
      roomId: 'general',
      text: 'another text',
      writtenAt: 0,
      state: 'failed',
      attempts: 1,
    };
    expect(outline([message(1, ana, 0)], { pending: [item] })).toEqual(['Yesterday', '# 1', 'another text']);
  });

  it('gives the same message for the same event', () => {
    const events = [message(1, ana, 0), message(2, ben, 1)];
    const shown = () =>
      rowsOf({ events, pending: [], me: ana, divider: undefined, now: new Date() }).flatMap((row) =>
        row.kind === 'message' ? [row.message] : [],
      );
    const again = shown();
    shown().forEach((message, i) => expect(message).toBe(again[i]));
  });

  it('breaks a group where somebody came', () => {
    const added: RoomEvent = {
      type: 'member:added',
      roomId: 'general',
      seq: 2,
      user: ben,
      by: ana,
      at: message(2, ana, 1).at,
    };
    expect(outline([message(1, ana, 0), added, message(3, ana, 1)])).toEqual([
      'Yesterday',
      '# 1',
      'change',
      '# 3',
    ]);
  });

  it('shows what is on its way below the log, under the key it will keep', () => {
    const item: OutboxItem = {
      clientId: 'c_2',
      roomId: 'general',
      text: '2',
      writtenAt: new Date(2026, 0, 20, 12, 1).getTime(),
      state: 'sending',
      attempts: 1,
    };
    expect(outline([message(1, ana, 0)], { pending: [item] })).toEqual(['Yesterday', '# 1', '2']);
    const keys = (events: RoomEvent[], pending: OutboxItem[]) =>
      rowsOf({ events, pending, me: ana, divider: undefined, now: new Date() }).map(({ key }) => key);
    expect(keys([message(1, ana, 0)], [item])).toEqual(keys([message(1, ana, 0), message(2, ana, 1)], []));
  });
});
