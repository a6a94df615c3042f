// Plaza's wire as TypeScript: every event, request and answer, under the names they have in crates/protocol.
//
// Mirrored from crates/protocol/src, which is the single source. Where the two differ, this file is wrong. It holds
// types and nothing else; what a page needs beside them is in wire.ts.

/** Position in a room's log: the first event is 1, there are no holes, and 0 is "before the first". */
export type Seq = number;
/** Positions by room, as a client holds them. */
export type Positions = Record<string, Seq>;
/** RFC 3339, UTC, milliseconds. It orders nothing: order is `seq`. */
export type Timestamp = string;
/** How a request names a user: by id, or as `@name`. */
export type UserRef = string;

/** A person as others see them. */
export interface User {
  id: string;
  name: string;
  /** True for a guest: a name without a password. */
  guest: boolean;
}

/** What a member may do in a room. */
export type Role = 'owner' | 'moderator' | 'member';
/** What sort of room it is. */
export type RoomKind = 'public' | 'group' | 'direct';

/** A room as one of its members sees it. */
export interface RoomSummary {
  id: string;
  /** Its name for people; of a direct room, the other's. */
  name: string;
  kind: RoomKind;
  /** Of a direct room: the other. */
  with?: User;
  /** Position of its newest event. */
  seq: Seq;
  /** How many members it has. */
  members: number;
  /** How far the asker has read. */
  readSeq: Seq;
  /** Messages of others above `readSeq`. */
  unread: number;
  /** What the asker may do there. */
  role: Role;
}

/** A public room, as anybody sees it. */
export interface PublicRoom {
  id: string;
  name: string;
  members: number;
  /** Whether the asker is one of them. */
  joined: boolean;
}

export type Member = User & {
  role: Role;
  /** How far they have read; only in a room small enough for read positions to be shared. */
  readSeq?: Seq;
};

/** Body of a `text` message. */
export interface TextBody {
  /** 1 byte to 8 KiB of UTF-8, not only white space. */
  text: string;
}

/** The kinds a message may have. */
export type Content = { kind: 'text'; body: TextBody };

/** `message` */
export type Message = {
  roomId: string;
  seq: Seq;
  id: string;
  /** The sender's name for it. */
  clientId: string;
  sender: User;
  at: Timestamp;
} & Content;

/** `member:added`, `member:removed`, `member:banned`, `member:unbanned` */
export interface MemberChange {
  roomId: string;
  seq: Seq;
  /** Whom it is about. */
  user: User;
  /** Who did it; the same as `user` for one who joined or left. */
  by: User;
  at: Timestamp;
}

/** `member:changed` */
export interface RoleChange {
  roomId: string;
  seq: Seq;
  user: User;
  /** What they may do from now on. */
  role: Role;
  by: User;
  at: Timestamp;
}

/** `room:changed`; what is absent is as it was. */
export interface RoomChange {
  roomId: string;
  seq: Seq;
  name?: string;
  by: User;
  at: Timestamp;
}

/** One event of a room's log. */
export type Event =
  | ({ type: 'message' } & Message)
  | ({ type: 'member:added' } & MemberChange)
  | ({ type: 'member:removed' } & MemberChange)
  | ({ type: 'member:changed' } & RoleChange)
  | ({ type: 'member:banned' } & MemberChange)
  | ({ type: 'member:unbanned' } & MemberChange)
  | ({ type: 'room:changed' } & RoomChange);

/** `read`: one's own read position moved on another of one's connections. */
export interface ReadEvent {
  roomId: string;
  seq: Seq;
}

/** `receipts`: how far others have read, by user; those who have not moved are absent. */
export interface Receipts {
  roomId: string;
  read: Record<string, Seq>;
}

/** `typing`: somebody else is writing into a room. */
export interface TypingEvent {
  roomId: string;
  user: User;
  /** Show it for so long, in milliseconds. */
  forMs: number;
}

/** `presence`: somebody who is watched came or went. */
export interface PresenceEvent {
  user: User;
  online: boolean;
  /** Of one who has gone: when, unless that is not to be told. */
  lastSeen?: Timestamp;
}

/** The closed list of the ways a request can fail. */
export type Code =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'rate_limited'
  | 'expired'
  | 'busy'
  | 'unavailable'
  | 'internal';

/** A refused request. */
export interface Error {
  code: Code;
  /** For people: what is wrong, and the bound or what to do. */
  message: string;
  /** Whether the same request, sent again later, may succeed. */
  retryable: boolean;
  retryAfterMs?: number;
}

/** The envelope of every acknowledgement. */
export type Answer<T> = ({ ok: true } & T) | { ok: false; error: Error };

export type CreateRoom =
  | { kind: 'public'; name: string; id?: string }
  | { kind: 'group'; name: string }
  | { kind: 'direct'; user: UserRef };
export interface CreatedRoom {
  room: RoomSummary;
}
export interface JoinRoom {
  roomId: string;
}
export interface JoinedRoom {
  room: RoomSummary;
  seq: Seq;
}
export interface LeaveRoom {
  roomId: string;
}
export type ListRooms = Record<string, never>;
export interface RoomList {
  rooms: RoomSummary[];
}
export interface DiscoverRooms {
  query?: string;
  after?: string;
}
export interface RoomsPage {
  rooms: PublicRoom[];
  next?: string;
}
export interface RenameRoom {
  roomId: string;
  name: string;
}

export interface ListMembers {
  roomId: string;
  after?: string;
}
export interface MembersPage {
  members: Member[];
  /** Give it as `after` for the next page; absent on the last. */
  next?: string;
}
export interface AddMember {
  roomId: string;
  user: UserRef;
}
export interface RemoveMember {
  roomId: string;
  user: UserRef;
}
export interface SetRole {
  roomId: string;
  user: UserRef;
  role: Role;
}
export interface BanMember {
  roomId: string;
  user: UserRef;
}
export interface UnbanMember {
  roomId: string;
  user: UserRef;
}
export interface ListBans {
  roomId: string;
  after?: string;
}
export interface BansPage {
  users: User[];
  next?: string;
}

export interface History {
  roomId: string;
  before?: Seq;
  after?: Seq;
  limit?: number;
}
/** A page of a room's log, ascending and without a hole. */
export interface EventsPage {
  events: Event[];
  /** Whether there are more in the direction asked for. */
  more: boolean;
}
export interface Resume {
  positions: Positions;
  epoch: string;
}
export type ResumePage = EventsPage | { reload: Reload };
export interface Resumed {
  rooms: Record<string, ResumePage>;
}
export interface Locate {
  roomId: string;
  at: Timestamp;
}
export interface Position {
  seq: Seq;
}
export interface MarkRead {
  roomId: string;
  seq: Seq;
}

export type SendMessage = { roomId: string; clientId: string } & Content;
/** The message is in the store. */
export interface SentMessage {
  seq: Seq;
  id: string;
  at: Timestamp;
}

export interface BlockUser {
  user: UserRef;
}
export interface UnblockUser {
  user: UserRef;
}
export type ListBlocked = Record<string, never>;
export interface BlockedList {
  users: User[];
}
export type Done = Record<never, never>;

export interface GetPresence {
  users: UserRef[];
}
export interface WatchPresence {
  add?: UserRef[];
  remove?: UserRef[];
}
export interface PresenceList {
  online: User[];
  offline: LastSeen[];
}
export interface LastSeen {
  user: User;
  lastSeen?: Timestamp;
}
export interface SetPresence {
  visible: boolean;
}
export interface Typing {
  roomId: string;
}

/** Every request, with what it is answered. */
export interface Requests {
  'room:create': [CreateRoom, CreatedRoom];
  'room:join': [JoinRoom, JoinedRoom];
  'room:leave': [LeaveRoom, Position];
  'room:list': [ListRooms, RoomList];
  'room:discover': [DiscoverRooms, RoomsPage];
  'room:rename': [RenameRoom, Position];
  'room:members': [ListMembers, MembersPage];
  'room:bans': [ListBans, BansPage];
  'room:history': [History, EventsPage];
  'room:locate': [Locate, Position];
  'room:resume': [Resume, Resumed];
  'room:read': [MarkRead, Position];
  'member:add': [AddMember, Position];
  'member:remove': [RemoveMember, Position];
  'member:role': [SetRole, Position];
  'member:ban': [BanMember, Position];
  'member:unban': [UnbanMember, Position];
  'message:send': [SendMessage, SentMessage];
  'user:block': [BlockUser, Done];
  'user:unblock': [UnblockUser, Done];
  'user:blocked': [ListBlocked, BlockedList];
  'presence:get': [GetPresence, PresenceList];
  'presence:watch': [WatchPresence, PresenceList];
  'presence:set': [SetPresence, Done];
  typing: [Typing, Done];
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

/** Why a position cannot be served. */
export type Reload = 'unknown' | 'too_far' | 'trimmed' | 'epoch';
/** What became of one room on connecting. */
export type RoomResumed = { from: Seq; to: Seq } | { reload: Reload };
/** `resumed` */
export interface RoomsResumed {
  rooms: Record<string, RoomResumed>;
}

/** `session:ending`: the server is about to close this connection's transport. */
export interface Ending {
  /** `shutdown` (come back soon) or `revoked` (sign in again). */
  reason: string;
  retryAfterMs: number;
  url?: string;
}

/** Body of `POST /register` and `POST /login`. */
export interface Credentials {
  name: string;
  password: string;
}
export interface Tokens {
  user: User;
  accessToken: string;
  accessTokenExpiresInMs: number;
  refreshToken: string;
}
export interface RefreshRequest {
  refreshToken: string;
}
export interface Me {
  user: User;
}
/** One of one's sessions: one log-in on one device. */
export interface SessionInfo {
  id: string;
  /** What the client called itself when it logged in; empty if it said nothing. */
  device: string;
  createdAt: Timestamp;
  /** To the hour. */
  lastUsedAt: Timestamp;
  /** Whether it is the one that asks. */
  current: boolean;
}
export interface SessionList {
  sessions: SessionInfo[];
}
export interface ChangePassword {
  current: string;
  new: string;
}
export interface ResetPassword {
  token: string;
  new: string;
}
export interface Health {
  status: string;
  node: string;
  version: string;
  uptimeSeconds: number;
  connections: number;
}
/** An error on HTTP: problem details, RFC 9457, with Plaza's code beside its fields. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: Code;
  retryable: boolean;
  retryAfterMs?: number;
}
