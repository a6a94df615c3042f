// Plaza's wire as TypeScript: every event, command and answer.
//
// Mirrored by hand from crates/protocol/src/*.rs, which is the single source. Where the two differ, this file
// is wrong.

/** Position in a room's log: the first event is 1, there are no holes, and 0 is "before the first". */
export type Seq = number;
/** Positions by room, as a client holds them. */
export type Positions = Record<string, Seq>;
/** RFC 3339, UTC, milliseconds. It orders nothing: order is `seq`. */
export type Timestamp = string;

/** Most bytes of UTF-8 a text message may have. */
export const MAX_TEXT_BYTES = 8 * 1024;
/** Most events a page of history. */
export const MAX_HISTORY_LIMIT = 200;
/** A Socket.IO socket id has this many characters; a chosen room id must not. */
const SOCKET_ID_LENGTH = 20;

/** Whether a client may choose this id for a public room. */
export function isChoosableRoomId(id: string): boolean {
  return /^[A-Za-z0-9._~-]{1,64}$/.test(id) && id.length !== SOCKET_ID_LENGTH && !/^[gd]_/.test(id);
}

/** A person as others see them. */
export interface User {
  id: string;
  name: string;
  /** True for a guest: a name without a password. */
  guest: boolean;
}

export type Role = 'owner' | 'member';
export type RoomKind = 'public' | 'group';

/** A room as one of its members sees it. */
export interface RoomSummary {
  id: string;
  name: string;
  kind: RoomKind;
  /** Position of its newest event. */
  seq: Seq;
  /** How far the asker has read. */
  readSeq: Seq;
  /** Messages of others above `readSeq`. */
  unread: number;
  role: Role;
}

export type Member = User & { role: Role };

interface InRoom {
  roomId: string;
  seq: Seq;
  at: Timestamp;
}

export interface Message extends InRoom {
  type: 'message';
  id: string;
  clientId: string;
  sender: User;
  kind: 'text';
  body: { text: string };
}

export interface MemberChange extends InRoom {
  type: 'member:added' | 'member:removed';
  /** Who came or went. */
  user: User;
  /** Who did it; the same as `user` for one who joined or left. */
  by: User;
}

/** One event of a room's log. */
export type RoomEvent = Message | MemberChange;

/** The closed list of the ways a request can fail. */
export type Code =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'rate_limited'
  | 'busy'
  | 'unavailable'
  | 'internal';

export interface WireError {
  code: Code;
  /** One sentence for people. */
  message: string;
  /** Whether the same request, sent again later, may succeed. */
  retryable: boolean;
  retryAfterMs?: number;
}

/** The envelope of every acknowledgement. */
export type Answer<T> = ({ ok: true } & T) | { ok: false; error: WireError };

/** A page of a room's log, ascending and without a hole. */
export interface EventsPage {
  events: RoomEvent[];
  /** Whether there are more in the direction asked for. */
  more: boolean;
}

export interface MembersPage {
  members: Member[];
  /** Give it as `after` for the next page; absent on the last. */
  next?: string;
}

export interface SendMessage {
  roomId: string;
  clientId: string;
  kind: 'text';
  body: { text: string };
}

/** The message is in the store. */
export interface SentMessage {
  seq: Seq;
  id: string;
  at: Timestamp;
}

export interface Position {
  seq: Seq;
}

/** Why a position cannot be served. */
export type Reload = 'unknown' | 'too_far' | 'trimmed' | 'epoch';

/** Every request, with what it is answered. */
export interface Requests {
  'room:create': [{ name: string; kind: RoomKind; id?: string }, { room: RoomSummary }];
  'room:join': [{ roomId: string }, { room: RoomSummary; seq: Seq }];
  'room:leave': [{ roomId: string }, Position];
  'room:list': [Record<string, never>, { rooms: RoomSummary[] }];
  'room:members': [{ roomId: string; after?: string }, MembersPage];
  'room:history': [{ roomId: string; before?: Seq; after?: Seq; limit?: number }, EventsPage];
  'room:resume': [
    { positions: Positions; epoch: string },
    { rooms: Record<string, EventsPage | { reload: Reload }> },
  ];
  'room:read': [{ roomId: string; seq: Seq }, Position];
  'member:add': [{ roomId: string; user: string }, Position];
  'member:remove': [{ roomId: string; user: string }, Position];
  'message:send': [SendMessage, SentMessage];
}

/** The `auth` object of a CONNECT. */
export interface Auth {
  token?: string;
  guest?: string;
  positions?: Positions;
  epoch?: string;
}

/** `session`: the first event after CONNECT. */
export interface Session {
  user: User;
  /** A new guest's token. It stands here once. */
  token?: string;
  node: string;
  epoch: string;
}

/** What became of one room on connecting. */
export type RoomResumed = { from: Seq; to: Seq } | { reload: Reload };

export interface RoomsResumed {
  rooms: Record<string, RoomResumed>;
}

/** `read`: one's own read position moved on another of one's connections. */
export interface ReadEvent {
  roomId: string;
  seq: Seq;
}

/** `session:ending`: the server is about to close this connection's transport. */
export interface Ending {
  /** `shutdown` (come back soon) or `revoked` (sign in again). */
  reason: string;
  retryAfterMs: number;
  url?: string;
}

export interface Tokens {
  user: User;
  accessToken: string;
  accessTokenExpiresInMs: number;
  refreshToken: string;
}

/** An error on HTTP: problem details, RFC 9457, with Plaza's code beside its fields. */
export interface Problem {
  title: string;
  status: number;
  detail: string;
  code: Code;
  retryable: boolean;
  retryAfterMs?: number;
}
