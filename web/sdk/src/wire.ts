// What goes with the wire's types: names that do not clash with a browser's own, bounds, and small questions.

import type {
  Event,
  ManagedBy,
  ReadEvent,
  Receipts,
  PresenceEvent,
  Role,
  RoomKind,
  Seq,
  TypingEvent,
  User,
} from './protocol';

/** One event of a room's log. */
export type RoomEvent = Event;
/** A message of the log. */
export type MessageEvent = Extract<Event, { type: 'message' }>;
/** Everything in a log but messages. */
export type ChangeEvent = Exclude<Event, { type: 'message' }>;

/** What a server tells beside the logs. */
export interface Asides {
  read: ReadEvent;
  receipts: Receipts;
  typing: TypingEvent;
  presence: PresenceEvent;
}

/** Most bytes of UTF-8 a text message may have. */
export const MAX_TEXT_BYTES = 8 * 1024;
/** Most events a page of history. */
export const MAX_HISTORY_LIMIT = 200;
/** Most people whose presence one connection may watch. */
export const MAX_WATCHED = 500;
/** Most people in one `presence:get`. */
export const MAX_PRESENCE = 100;
/** Most characters of a room's name. */
export const MAX_ROOM_NAME = 80;
/** A Socket.IO socket id has this many characters; a chosen room id must not. */
const SOCKET_ID_LENGTH = 20;

/** Whether a client may choose this id for a public room. */
export function isChoosableRoomId(id: string): boolean {
  return /^[A-Za-z0-9._~-]{1,64}$/.test(id) && id.length !== SOCKET_ID_LENGTH && !/^[gd]_/.test(id);
}

/** Whether what a server sent under this name is an event of a log, also one of a type made later than this file. */
export function isRoomEvent(name: string, data: unknown): data is RoomEvent {
  const { type, roomId, seq } = (data ?? {}) as { type?: unknown; roomId?: unknown; seq?: unknown };
  return type === name && typeof roomId === 'string' && Number.isSafeInteger(seq) && (seq as Seq) > 0;
}

/** Whom the event takes out of the room, if anybody. */
export function takenOut(event: RoomEvent): string | undefined {
  return event.type === 'member:removed' || event.type === 'member:banned' ? event.user.id : undefined;
}

/** Who made it happen; `undefined` where the type is not known here. */
export function actorOf(event: RoomEvent): User | undefined {
  return event.type === 'message' ? event.sender : (event as Partial<ChangeEvent>).by;
}

const RANK: Record<Role, number> = { member: 0, moderator: 1, owner: 2 };

/**
 * What one with this role may do in a room of this kind, as far as a client can know. The server decides. Who manages
 * the members of groups is the server's to say: see `Chat.may`.
 */
export function may(role: Role, kind: RoomKind, managedBy: ManagedBy = 'anyone') {
  const leads = kind !== 'direct' && RANK[role] >= RANK.moderator;
  const owns = kind !== 'direct' && role === 'owner';
  const manages = kind === 'group' && (leads || managedBy === 'anyone');
  return {
    rename: leads,
    seeBans: leads,
    unban: leads,
    /** Bring people in. */
    add: manages,
    /** Put out one with this role: who is below oneself, and plain members each other. */
    remove: (whose: Role) => (leads && RANK[whose] < RANK[role]) || (manages && whose === 'member'),
    ban: (whose: Role) => leads && RANK[whose] < RANK[role],
    setRoles: owns,
    leave: kind !== 'direct',
  };
}
