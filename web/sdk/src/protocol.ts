// Plaza's wire as TypeScript. Made of docs/api by scripts/protocol.mjs; what is edited here is lost.

/** Position in a room's log: the first event is 1, there are no holes, and 0 is "before the first". */
export type Seq = number;
/** Positions by room, as a client holds them. */
export type Positions = Record<string, Seq>;
/** The envelope of every acknowledgement. */
export type Answer<T> = ({ ok: true } & T) | { ok: false; error: Error };

/** `member:add`: bring somebody into a group. */
export type AddMember = {
  /** The room. */
  roomId: RoomId;
  /** Whom. */
  user: UserRef;
};

/** Body of an `audio` message. The sound stays where it is: the server never fetches it. */
export type AudioBody = {
  /** Where the sound is. */
  audioUrl: HttpsUrl;
  /** How long it is. */
  duration?: Seconds;
};

/** The `auth` object of a CONNECT: a token, or a name to be a guest under; and what the client already holds. */
export type Auth = {
  /** The store's epoch those positions belong to. */
  epoch?: string;
  /** A name to be a new guest under. */
  guest?: string;
  /** Whether to get each message a second time, under the name of its kind, such as `message:image`. */
  kinds?: boolean;
  /** What the client holds, by room. */
  positions?: Record<string, number>;
  /** An account's access token or a guest's token. */
  token?: string;
};

/** `member:ban`: put somebody out and keep them out; for owners and moderators. It takes one who is no member, too. */
export type BanMember = {
  /** The room. */
  roomId: RoomId;
  /** Whom. */
  user: UserRef;
};

/** Answer to `room:bans`. */
export type BansPage = {
  /** Give it as `after` for the next page; absent on the last. */
  next?: string;
  /** In the order of their ids. */
  users: User[];
};

/** `user:block`: somebody can neither start a direct room with the asker nor write in the one there is. */
export type BlockUser = {
  /** Whom. At most 1,000 may be blocked at once. */
  user: UserRef;
};

/** Answer to `user:blocked`. */
export type BlockedList = {
  /** By name. */
  users: User[];
};

/** Body of `POST /password`: every other session ends. */
export type ChangePassword = {
  /** The one that holds. */
  current: string;
  /** 8 to 1,024 bytes. */
  new: string;
};

/** The sender's own name for a message, 1 to 64 bytes: the same one again is the same message again. */
export type ClientId = string;

/** Every way a request can fail. The list is closed: a client may match on it. */
export type Code =
  | /** The request is malformed or breaks a bound; the message says which. */ 'bad_request'
  | /** No credentials, or none that hold (any more). */ 'unauthorized'
  | /** One may see it, and may not do this to it. */ 'forbidden'
  | /** No such thing, or not for you to see: the two are told apart nowhere. */ 'not_found'
  | /** It clashes with what is there: a name or id taken, the same `clientId` with another body. */ 'conflict'
  | /** Longer than allowed. */ 'too_large'
  | /** Too many of these from you; `retryAfterMs` says when to come again. */ 'rate_limited'
  | /** Its time ran out before its turn came: it was not carried out, and may be sent again. */ 'expired'
  | /** The server is at its limit; `retryAfterMs` says when to come again. */ 'busy'
  | /** The store cannot take it now. Nothing was acknowledged; the same request may be sent again. */ 'unavailable'
  | /** A fault of the server's. Nothing was acknowledged; the same request may be sent again. */ 'internal';

/** `room:create`: a room with the asker as owner and first member. A pair's direct room is made once; later it is given back as it is. */
export type CreateRoom =
  | /** One that anybody may find and join. */ {
      /** Chosen; absent: the name, if it can be an id. */
      id?: RoomId;
      kind: 'public';
      /** 1 to 80 characters, for people. */
      name: string;
    }
  | /** One whose members bring members. Its id is made by the server. */ {
      kind: 'group';
      /** 1 to 80 characters, for people. */
      name: string;
    }
  | /** The one room of the asker and somebody else. */ {
      kind: 'direct';
      /** The other. */
      user: UserRef;
    };

/** Answer to `room:create`. */
export type CreatedRoom = {
  /** The room made; or, of a pair that has one, theirs. */
  room: RoomSummary;
};

/** Body of `POST /register` and `POST /login`. */
export type Credentials = {
  /** 1 to 32 letters, digits, `.`, `_` or `-`. */
  name: string;
  /** 8 to 1,024 bytes. */
  password: string;
};

/** `room:discover`: public rooms that anybody may join, 50 a page. */
export type DiscoverRooms = {
  /** `next` of the page before. */
  after?: string;
  /** What the name or the id has in it, upper and lower case alike, at most 80 characters; absent: all. */
  query?: string;
};

/** Answer that has nothing to say but `ok`. */
export type Done = Record<never, never>;

/** Body of `POST /admin/drain`, for administrators: the node that answers is to let its clients go, and stop. */
export type DrainNode = {
  /** Its name. Another node answers `conflict`: what stands in front of several may have chosen any of them. */
  node: string;
};

/** `session:ending`: the server is about to close this connection's transport. */
export type Ending = {
  /** `shutdown` (come back soon) or `revoked` (sign in again). */
  reason: string;
  /** When to come back, in milliseconds. */
  retryAfterMs: number;
  /** Where to, when not here. */
  url?: string;
};

/** A refused request. */
export type Error = {
  /** For programs. */
  code: Code;
  /** For people: what is wrong, and the bound or what to do. */
  message: string;
  /** How long to wait before that, in milliseconds. */
  retryAfterMs?: number;
  /** Whether the same request, sent again later, may succeed. */
  retryable: boolean;
};

/** One event of a room's log. As JSON it carries its event's name in `type`; on the socket the name is the event's and `type` stands in the payload too, so that one encoding serves both. */
export type Event =
  | /** Somebody wrote. */ (Message & {
      type: 'message';
    })
  | /** Somebody came, or was brought. */ (MemberChange & {
      type: 'member:added';
    })
  | /** Somebody left, or was removed. */ (MemberChange & {
      type: 'member:removed';
    })
  | /** Somebody may do more or less than before. */ (RoleChange & {
      type: 'member:changed';
    })
  | /** Somebody is kept out from now on; a member is none any more. */ (MemberChange & {
      type: 'member:banned';
    })
  | /** Somebody is kept out no more. */ (MemberChange & {
      type: 'member:unbanned';
    })
  | /** The room itself changed. */ (RoomChange & {
      type: 'room:changed';
    });

/** A page of a room's log, ascending. */
export type EventsPage = {
  /** Without a hole. */
  events: Event[];
  /** Whether there are more in the direction asked for. */
  more: boolean;
};

/** Body of a `file` message. The file stays where it is: the server never fetches it. */
export type FileBody = {
  /** What it is called: 1 to 255 bytes, without `/`, `\` and control characters. */
  fileName: string;
  /** In bytes, up to 2^53 - 1. */
  fileSize?: number;
  /** Its media type, such as `application/pdf`: at most 127 bytes. */
  fileType?: string;
  /** Where the file is. */
  fileUrl: HttpsUrl;
};

/** `presence:get`: which of these people are online now. At most 100. */
export type GetPresence = {
  /** Whom; whoever there is not is left out of the answer. */
  users: UserRef[];
};

/** Answer to `GET /health`. */
export type Health = {
  /** Sockets connected here. */
  connections: number;
  /** This node's name. */
  node: string;
  /** `ok`, or `degraded`: everything works, and what other nodes do is known a second or two later than usual. */
  status: string;
  /** Seconds since this process began to serve. */
  uptimeSeconds: number;
  /** Plaza's version. */
  version: string;
};

/** `room:history`: a page of a room's log. `before` and `after` exclude each other and the position they name; with neither, the newest page. */
export type History = {
  /** Events above this position, the nearest ones. */
  after?: number;
  /** Events below this position, the nearest ones. */
  before?: number;
  /** 1 to 200, 50 if absent. */
  limit?: number;
  /** The room. */
  roomId: RoomId;
};

/** An address that begins with `https://`, in at most 2,048 bytes: of the characters of RFC 3986 alone, with a host (a name or an IPv4 address) and without a name or password before it. Others' programs put it into pages and terminals: nothing in it can end a quotation there, or look like another host than it has. */
export type HttpsUrl = string;

/** Body of an `image` message. The picture stays where it is: the server never fetches it. */
export type ImageBody = {
  /** What it shows: 1 to 1,024 bytes. */
  caption?: string;
  /** In bytes, up to 2^53 - 1. */
  fileSize?: number;
  /** In pixels, 1 to 65,535. */
  height?: number;
  /** Where the picture is. */
  imageUrl: HttpsUrl;
  /** In pixels, 1 to 65,535. With both sides given, a page keeps the place free for it. */
  width?: number;
};

/** `room:join`: become a member of a public room. Joining again changes nothing. */
export type JoinRoom = {
  /** The room. */
  roomId: RoomId;
};

/** Answer to `room:join`. */
export type JoinedRoom = {
  /** The room joined. */
  room: RoomSummary;
  /** Position of the event that made the asker a member; for one who was a member already, the room's top. */
  seq: number;
};

export type Keep = /** The one that asks. */ 'current';

/** Which sessions end. */
export type Kept = {
  /** The one that goes on; absent: none does. */
  keep?: Keep;
};

/** Somebody who is not online, or does not let themselves be seen. */
export type LastSeen = {
  /** When their last connection ended; absent where that is not known or not to be told. */
  lastSeen?: Timestamp;
  /** Who. */
  user: User;
};

/** A latitude is a number from -90 to 90. */
export type Latitude = number;

/** `room:leave` */
export type LeaveRoom = {
  /** The room. */
  roomId: RoomId;
};

/** `room:bans`: who is kept out of a room, 100 a page; for owners and moderators. */
export type ListBans = {
  /** `next` of the page before. */
  after?: string;
  /** The room. */
  roomId: RoomId;
};

/** `user:blocked`: whom the asker has blocked. */
export type ListBlocked = Record<string, never>;

/** `room:members`: who is in a room, 100 a page. */
export type ListMembers = {
  /** `next` of the page before. */
  after?: string;
  /** The room. */
  roomId: RoomId;
};

/** `room:list`: the rooms the asker is a member of. */
export type ListRooms = Record<string, never>;

/** `room:locate`: the position of a moment: of the first event accepted at that time or later; one past the newest where there is none. A server's clock that was set back makes it a guess. */
export type Locate = {
  /** The moment. */
  at: Timestamp;
  /** The room. */
  roomId: RoomId;
};

/** Body of a `location` message: a place, in degrees of WGS 84. */
export type LocationBody = {
  /** What people call it: 1 to 512 bytes. */
  address?: string;
  /** North is above 0. */
  latitude: Latitude;
  /** East is above 0. */
  longitude: Longitude;
};

/** A longitude is a number from -180 to 180. */
export type Longitude = number;

/** Who may add members to a group and remove them. */
export type ManagedBy =
  | /** Every member; but remove only plain members, unless one is above the other. */ 'anyone'
  | /** Its owners and moderators. */ 'owners';

/** `room:read`: read up to here. It never moves back; a position above the room's top is refused. */
export type MarkRead = {
  /** The room. */
  roomId: RoomId;
  /** The newest position seen. */
  seq: number;
};

/** Answer to `GET /me`. */
export type Me = {
  /** Who the token says one is. */
  user: User;
};

/** One member. */
export type Member = {
  /** True for a guest: a name without a password. */
  guest: boolean;
  /** Stable for the life of the account or guest. */
  id: UserId;
  /** The name they chose. */
  name: string;
  /** How far they have read; only in a room small enough for read positions to be shared. */
  readSeq?: number;
  /** What they may do. */
  role: Role;
  /** True for a program that writes by a webhook, and else absent. */
  webhook?: boolean;
};

/** `member:added`, `member:removed`, `member:banned`, `member:unbanned` */
export type MemberChange = {
  /** When the server accepted it. */
  at: Timestamp;
  /** Who did it; the same as `user` for one who joined or left. */
  by: User;
  /** The room. */
  roomId: RoomId;
  /** Position in the room's log. */
  seq: number;
  /** Whom it is about. */
  user: User;
};

/** Answer to `room:members`. */
export type MembersPage = {
  /** In the order of their ids. */
  members: Member[];
  /** Give it as `after` for the next page; absent on the last. */
  next?: string;
};

/** `message` */
export type Message = (
  | /** Plain text. */ {
      body: TextBody;
      kind: 'text';
    }
  | /** A picture that lies elsewhere. */ {
      body: ImageBody;
      kind: 'image';
    }
  | /** A file that lies elsewhere. */ {
      body: FileBody;
      kind: 'file';
    }
  | /** A place. */ {
      body: LocationBody;
      kind: 'location';
    }
  | /** Something to hear that lies elsewhere. */ {
      body: AudioBody;
      kind: 'audio';
    }
  | /** What has no kind of its own here and came from Zalo, or is to go there. */ {
      body: ZaloBody;
      kind: 'zalo';
    }
) & {
  /** When the server accepted it. */
  at: Timestamp;
  /** The sender's name for it. */
  clientId: ClientId;
  /** The message's own id, unique everywhere. */
  id: string;
  /** The room. */
  roomId: RoomId;
  /** Who wrote it. */
  sender: User;
  /** Position in the room's log. */
  seq: number;
};

/** Which moment. */
export type Moment = {
  /** RFC 3339. */
  at: Timestamp;
};

/** A [`Content`] that somebody wants to write: one with anything else in it is refused. */
export type NewContent =
  | /** Plain text. */ {
      body: TextBody;
      kind: 'text';
    }
  | /** A picture that lies elsewhere. */ {
      body: ImageBody;
      kind: 'image';
    }
  | /** A file that lies elsewhere. */ {
      body: FileBody;
      kind: 'file';
    }
  | /** A place. */ {
      body: LocationBody;
      kind: 'location';
    }
  | /** Something to hear that lies elsewhere. */ {
      body: AudioBody;
      kind: 'audio';
    }
  | /** What has no kind of its own here and came from Zalo, or is to go there. */ {
      body: ZaloBody;
      kind: 'zalo';
    };

/** Body of `POST /admin/reset-links`, for administrators. */
export type NewResetLink = {
  /** Whose password is to be set anew. */
  name: string;
};

/** What they may do from now on. */
export type NewRole = {
  role: Role;
};

/** One of the nodes in the answer to `GET /nodes`. */
export type NodeStatus = {
  /** Clients connected to it. */
  connections: number;
  /** Its name. */
  node: string;
  /** When it said so: nodes do it several times in the time of a lease. */
  updatedAt: Timestamp;
};

/** Where a page begins. */
export type Page = {
  /** `next` of the page before. */
  after?: string;
};

/** Which page of a log. `before` and `after` exclude each other and the position they name; with neither, the newest. */
export type Page2 = {
  /** Events above this position, the nearest ones. */
  after?: number;
  /** Events below this position, the nearest ones. */
  before?: number;
  /** 1 to 200, 50 if absent. */
  limit?: number;
};

/** Answer that names one position: of the event that the request made, or the read position that now holds. */
export type Position = {
  /** The position. */
  seq: number;
};

/** Body of an `audio` message. The sound stays where it is: the server never fetches it. */
export type PostedAudio = {
  /** Where the sound is. */
  audioUrl: HttpsUrl;
  /** How long it is. */
  duration?: Seconds;
  roomId: RoomId;
  /** The name to show, 1 to 32 characters; the webhook's own if absent. */
  sender?: string;
};

/** Body of a `file` message. The file stays where it is: the server never fetches it. */
export type PostedFile = {
  /** What it is called: 1 to 255 bytes, without `/`, `\` and control characters. */
  fileName: string;
  /** In bytes, up to 2^53 - 1. */
  fileSize?: number;
  /** Its media type, such as `application/pdf`: at most 127 bytes. */
  fileType?: string;
  /** Where the file is. */
  fileUrl: HttpsUrl;
  roomId: RoomId;
  /** The name to show, 1 to 32 characters; the webhook's own if absent. */
  sender?: string;
};

/** Body of an `image` message. The picture stays where it is: the server never fetches it. */
export type PostedImage = {
  /** What it shows: 1 to 1,024 bytes. */
  caption?: string;
  /** In bytes, up to 2^53 - 1. */
  fileSize?: number;
  /** In pixels, 1 to 65,535. */
  height?: number;
  /** Where the picture is. */
  imageUrl: HttpsUrl;
  roomId: RoomId;
  /** The name to show, 1 to 32 characters; the webhook's own if absent. */
  sender?: string;
  /** In pixels, 1 to 65,535. With both sides given, a page keeps the place free for it. */
  width?: number;
};

/** Body of a `location` message: a place, in degrees of WGS 84. */
export type PostedLocation = {
  /** What people call it: 1 to 512 bytes. */
  address?: string;
  /** North is above 0. */
  latitude: Latitude;
  /** East is above 0. */
  longitude: Longitude;
  roomId: RoomId;
  /** The name to show, 1 to 32 characters; the webhook's own if absent. */
  sender?: string;
};

/** Body of `POST /webhook`: a text for a room. */
export type PostedMessage = {
  /** 1 byte to 8 KiB of UTF-8, not only white space. */
  message: string;
  /** The room. */
  roomId: RoomId;
  /** The name to show, 1 to 32 characters; the webhook's own if absent. */
  sender?: string;
};

/** Body of a `text` message. */
export type PostedText = {
  roomId: RoomId;
  /** The name to show, 1 to 32 characters; the webhook's own if absent. */
  sender?: string;
  /** 1 byte to 8 KiB of UTF-8, not only white space. */
  text: string;
};

/** Body of a `zalo` message: with `event`, something that came from Zalo and has no kind of its own here, such as a sticker; with `to`, an answer that goes to somebody there. It has one of the two. */
export type PostedZalo = {
  /** What happened there, as Zalo calls it: 1 to 64 of `a-z 0-9 _`. */
  event?: string;
  roomId: RoomId;
  /** The name to show, 1 to 32 characters; the webhook's own if absent. */
  sender?: string;
  /** 1 byte to 8 KiB; with `to`, at most 2,000 characters, which is what Zalo takes. */
  text?: string;
  /** Who is to get it: needs `text`. */
  to?: ZaloUser;
  /** What was sent with it. */
  url?: HttpsUrl;
};

/** `presence`: somebody who is watched came or went. */
export type PresenceEvent = {
  /** Of one who has gone: when, unless that is not to be told. */
  lastSeen?: Timestamp;
  /** Whether they are online now. */
  online: boolean;
  /** Who. */
  user: User;
};

/** Answer to `presence:get`, and to `presence:watch` for those added. */
export type PresenceList = {
  /** The others. */
  offline: LastSeen[];
  /** Those with at least one connection who let themselves be seen. */
  online: User[];
};

/** An error on HTTP: problem details, RFC 9457, with Plaza's code beside its fields. */
export type Problem = {
  /** For programs. */
  code: Code;
  /** For people: what is wrong, and the bound or what to do. */
  detail: string;
  /** The field of the body that is wrong, where it is one. */
  field?: string;
  /** How long to wait before that, in milliseconds. */
  retryAfterMs?: number;
  /** Whether the same request, sent again later, may succeed. */
  retryable: boolean;
  /** The HTTP status. */
  status: number;
  /** The status in words. */
  title: string;
  /** Always `about:blank`: the status and `code` say it all. */
  type: string;
};

/** A public room, as anybody sees it. */
export type PublicRoom = {
  /** The room. */
  id: RoomId;
  /** Whether the asker is one of them. */
  joined: boolean;
  /** How many members it has. */
  members: number;
  /** Its name for people. */
  name: string;
};

/** `read`: one's own read position moved on another of one's connections. Not part of the log. */
export type ReadEvent = {
  /** The room. */
  roomId: RoomId;
  /** Read up to and including this. */
  seq: number;
};

/** `receipts`: how far others have read, told together, at most once a second a room, and only in rooms of at most the configured number of members. Not part of the log. */
export type Receipts = {
  /** Read up to and including, by user; those who have not moved are absent. */
  read: Record<string, number>;
  /** The room. */
  roomId: RoomId;
};

/** Body of `POST /refresh` and `POST /logout`. */
export type RefreshRequest = {
  /** The newest refresh token. */
  refreshToken: string;
};

/** Why a position cannot be served. */
export type Reload =
  | /** One is no member of that room (any more), or there is none. */ 'unknown'
  | /** More than 1,000 events were missed. */ 'too_far'
  | /** What came next has been cut by retention. */ 'trimmed'
  | /** The position is above the room's top or of another epoch: the store was replaced. */ 'epoch';

/** `member:remove`: put somebody out. They may come back; see `member:ban`. */
export type RemoveMember = {
  /** The room. */
  roomId: RoomId;
  /** Whom. */
  user: UserRef;
};

/** `room:rename`: for its owners and moderators; a direct room has no name of its own. */
export type RenameRoom = {
  /** 1 to 80 characters, for people. */
  name: string;
  /** The room. */
  roomId: RoomId;
};

/** What changes. */
export type Renamed = {
  /** 1 to 80 characters, for people. */
  name: string;
};

/** Answer to `POST /admin/reset-links`: what is given to the account's owner. */
export type ResetLink = {
  /** When it holds no more. */
  expiresAt: Timestamp;
  /** The page where the password is set, once. It begins with `/` where the server was not told by which address people reach it: put that before it. */
  link: string;
  /** Whose it is. */
  user: User;
};

/** Body of `POST /password/reset`: every session ends. */
export type ResetPassword = {
  /** 8 to 1,024 bytes. */
  new: string;
  /** From the link that an administrator gave. It works once. */
  token: string;
};

/** `room:resume`: what was missed since these positions. It may overlap live events; a client drops what it holds. */
export type Resume = {
  /** The store's epoch those positions belong to. */
  epoch: string;
  /** What the client holds, by room. */
  positions: Record<string, number>;
};

/** One room's part of the answer to `room:resume`. */
export type ResumePage =
  | /** The log cannot serve the position: reload the room. */ {
      /** Why. */
      reload: Reload;
    }
  | /** What was missed. */ EventsPage;

/** Answer to `room:resume`. */
export type Resumed = {
  /** By room, for each position asked about. */
  rooms: Record<string, ResumePage>;
};

/** What a member may do in a room. */
export type Role =
  | /** Made the room, or was handed it: may do everything there. */ 'owner'
  | /** May rename the room, and remove and ban members. */ 'moderator'
  | /** Everybody else. */ 'member';

/** `member:changed` */
export type RoleChange = {
  /** When the server accepted it. */
  at: Timestamp;
  /** Who did it. */
  by: User;
  /** What they may do from now on. */
  role: Role;
  /** The room. */
  roomId: RoomId;
  /** Position in the room's log. */
  seq: number;
  /** Whose. */
  user: User;
};

/** `room:changed`; what is absent is as it was. */
export type RoomChange = {
  /** When the server accepted it. */
  at: Timestamp;
  /** Who did it. */
  by: User;
  /** Its new name. */
  name?: string;
  /** The room. */
  roomId: RoomId;
  /** Position in the room's log. */
  seq: number;
};

/** A room: 1 to 64 of `[A-Za-z0-9._~-]`. Public rooms have chosen ids, see [`RoomId::is_choosable`]; ids that start with `g_` (group) or `d_` (direct) are made by the server only. */
export type RoomId = string;

/** What sort of room it is. */
export type RoomKind =
  | /** Anybody who knows the id may join. */ 'public'
  | /** Members bring members. */ 'group'
  | /** Two people and nobody else; there is one a pair. */ 'direct';

/** Answer to `room:list`, by name. */
export type RoomList = {
  /** Every room the asker is a member of. */
  rooms: RoomSummary[];
};

/** What became of one room on connecting. */
export type RoomResumed =
  | /** Events above `from`, up to and including `to`, were sent. The same twice: nothing was missed, or no position was given and the room is listed at its top. */ {
      /** The position the client held. */
      from: number;
      /** The position it holds now. */
      to: number;
    }
  | /** The log cannot serve the position: reload the room. */ {
      /** Why. */
      reload: Reload;
    };

/** A room as one of its members sees it. */
export type RoomSummary = {
  /** When that happened; absent where it has been cut. */
  at?: Timestamp;
  /** The room. */
  id: RoomId;
  /** What sort. */
  kind: RoomKind;
  /** How many members it has. */
  members: number;
  /** Its name for people; of a direct room, the other's. */
  name: string;
  /** How far the asker has read. */
  readSeq: number;
  /** What the asker may do there. */
  role: Role;
  /** Position of its newest event. */
  seq: number;
  /** Messages of others above `readSeq`. */
  unread: number;
  /** Of a direct room: the other. */
  with?: User;
};

/** Answer to `room:discover`. */
export type RoomsPage = {
  /** Give it as `after` for the next page; absent on the last. */
  next?: string;
  /** In the order of their ids. */
  rooms: PublicRoom[];
};

/** `resumed`: everything missed has been sent; what follows is live. */
export type RoomsResumed = {
  /** Every room of the user, and every room a position was given for. */
  rooms: Record<string, RoomResumed>;
};

/** A duration is a number of seconds from 0 to 86400. */
export type Seconds = number;

/** Body of an `audio` message. The sound stays where it is: the server never fetches it. */
export type SendAudio = {
  /** Where the sound is. */
  audioUrl: HttpsUrl;
  clientId?: ClientId;
  /** How long it is. */
  duration?: Seconds;
  roomId: RoomId;
};

/** Body of a `file` message. The file stays where it is: the server never fetches it. */
export type SendFile = {
  clientId?: ClientId;
  /** What it is called: 1 to 255 bytes, without `/`, `\` and control characters. */
  fileName: string;
  /** In bytes, up to 2^53 - 1. */
  fileSize?: number;
  /** Its media type, such as `application/pdf`: at most 127 bytes. */
  fileType?: string;
  /** Where the file is. */
  fileUrl: HttpsUrl;
  roomId: RoomId;
};

/** Body of an `image` message. The picture stays where it is: the server never fetches it. */
export type SendImage = {
  /** What it shows: 1 to 1,024 bytes. */
  caption?: string;
  clientId?: ClientId;
  /** In bytes, up to 2^53 - 1. */
  fileSize?: number;
  /** In pixels, 1 to 65,535. */
  height?: number;
  /** Where the picture is. */
  imageUrl: HttpsUrl;
  roomId: RoomId;
  /** In pixels, 1 to 65,535. With both sides given, a page keeps the place free for it. */
  width?: number;
};

/** Body of a `location` message: a place, in degrees of WGS 84. */
export type SendLocation = {
  /** What people call it: 1 to 512 bytes. */
  address?: string;
  clientId?: ClientId;
  /** North is above 0. */
  latitude: Latitude;
  /** East is above 0. */
  longitude: Longitude;
  roomId: RoomId;
};

/** `message:send`: write into a room. */
export type SendMessage = (
  | /** Plain text. */ {
      body: TextBody;
      kind: 'text';
    }
  | /** A picture that lies elsewhere. */ {
      body: ImageBody;
      kind: 'image';
    }
  | /** A file that lies elsewhere. */ {
      body: FileBody;
      kind: 'file';
    }
  | /** A place. */ {
      body: LocationBody;
      kind: 'location';
    }
  | /** Something to hear that lies elsewhere. */ {
      body: AudioBody;
      kind: 'audio';
    }
  | /** What has no kind of its own here and came from Zalo, or is to go there. */ {
      body: ZaloBody;
      kind: 'zalo';
    }
) & {
  /** The sender's own name for it; the same again is answered as the first time. */
  clientId: ClientId;
  /** The room. */
  roomId: RoomId;
};

/** Body of a `text` message. */
export type SendText = {
  clientId?: ClientId;
  roomId: RoomId;
  /** 1 byte to 8 KiB of UTF-8, not only white space. */
  text: string;
};

/** Body of a `zalo` message: with `event`, something that came from Zalo and has no kind of its own here, such as a sticker; with `to`, an answer that goes to somebody there. It has one of the two. */
export type SendZalo = {
  clientId?: ClientId;
  /** What happened there, as Zalo calls it: 1 to 64 of `a-z 0-9 _`. */
  event?: string;
  roomId: RoomId;
  /** 1 byte to 8 KiB; with `to`, at most 2,000 characters, which is what Zalo takes. */
  text?: string;
  /** Who is to get it: needs `text`. */
  to?: ZaloUser;
  /** What was sent with it. */
  url?: HttpsUrl;
};

/** Answer to `message:send`: the message is in the store. */
export type SentMessage = {
  /** When the server accepted it. */
  at: Timestamp;
  /** Its id. */
  id: string;
  /** Its position. */
  seq: number;
};

/** `session`: the first event after CONNECT. */
export type Session = {
  /** The store's epoch: positions of another epoch mean nothing. */
  epoch: string;
  /** Who manages the members of groups here: a client need not offer what would be refused. */
  membersManagedBy?: ManagedBy;
  /** The node that serves this connection. */
  node: string;
  /** A new guest's token: good for 30 days from its last use. It stands here once. */
  token?: string;
  /** Who one is. */
  user: User;
};

/** One of one's sessions: one log-in on one device. */
export type SessionInfo = {
  /** When it began. */
  createdAt: Timestamp;
  /** Whether it is the one that asks. */
  current: boolean;
  /** What the client called itself when it logged in: the page's browser and system, or the `User-Agent`, at most 200 characters; empty if it said nothing. */
  device: string;
  /** To end it by. */
  id: string;
  /** When it was last used, to the hour. */
  lastUsedAt: Timestamp;
};

/** Answer to `GET /sessions`. */
export type SessionList = {
  /** The newest use first. */
  sessions: SessionInfo[];
};

/** `presence:set`: whether others are told that one is online, on all of one's connections. It is kept. */
export type SetPresence = {
  /** `true`, as at first: one is seen. */
  visible: boolean;
};

/** `member:role`: what somebody may do in a room; for its owners. One who is made owner is so beside the asker. */
export type SetRole = {
  /** From now on. */
  role: Role;
  /** The room. */
  roomId: RoomId;
  /** Whose. */
  user: UserRef;
};

/** Body of a `text` message. */
export type TextBody = {
  /** 1 byte to 8 KiB of UTF-8, not only white space. */
  text: string;
};

/** RFC 3339, UTC, with milliseconds. It orders nothing: order is `seq`. */
export type Timestamp = string;

/** Answer to `POST /register`, `/login` and `/refresh`. */
export type Tokens = {
  /** For `Authorization: Bearer` and for CONNECT. */
  accessToken: string;
  /** How long the access token holds, in milliseconds. */
  accessTokenExpiresInMs: number;
  /** For one `POST /refresh`, which gives the next. */
  refreshToken: string;
  /** Whose they are. */
  user: User;
};

/** `typing`: one is writing into a room. Say it again every few seconds while it is so. */
export type Typing = {
  /** The room. */
  roomId: RoomId;
};

/** `typing`: somebody else is writing into a room. Not part of the log. */
export type TypingEvent = {
  /** Show it for so long, in milliseconds, unless it is said again or their message comes. */
  forMs: number;
  /** The room. */
  roomId: RoomId;
  /** Who. */
  user: User;
};

/** `member:unban`: somebody may come back; it does not bring them in. */
export type UnbanMember = {
  /** The room. */
  roomId: RoomId;
  /** Whom. */
  user: UserRef;
};

/** `user:unblock` */
export type UnblockUser = {
  /** Whom. */
  user: UserRef;
};

/** A person as others see them, in events and answers; or a program that writes by a webhook. */
export type User = {
  /** True for a guest: a name without a password. */
  guest: boolean;
  /** Stable for the life of the account or guest. */
  id: UserId;
  /** The name they chose. */
  name: string;
  /** True for a program that writes by a webhook, and else absent. */
  webhook?: boolean;
};

/** An account or a guest: `u_` or `v_` (visitor) and 22 characters, made by the server. Read leniently: 1 to 64 bytes. */
export type UserId = string;

/** How a request names a user: by id, or as `@name`. */
export type UserRef = string;

/** `presence:watch`: be told when these people come and go, until they are dropped or the connection ends. At most 500 a connection. */
export type WatchPresence = {
  /** From now on. */
  add?: UserRef[];
  /** No more. */
  remove?: UserRef[];
};

/** Whom. */
export type Whom = {
  /** An id, or `@name`. */
  user: UserRef;
};

/** Answer to `POST /webhook` and `POST /webhook/<kind>`: the message is in the store. */
export type WrittenByWebhook = {
  /** The message's id. */
  id: string;
  /** Always true. */
  ok: boolean;
  /** The room. */
  roomId: RoomId;
  /** The message's position there. */
  seq: number;
};

/** Body of a `zalo` message: with `event`, something that came from Zalo and has no kind of its own here, such as a sticker; with `to`, an answer that goes to somebody there. It has one of the two. */
export type ZaloBody = {
  /** What happened there, as Zalo calls it: 1 to 64 of `a-z 0-9 _`. */
  event?: string;
  /** 1 byte to 8 KiB; with `to`, at most 2,000 characters, which is what Zalo takes. */
  text?: string;
  /** Who is to get it: needs `text`. */
  to?: ZaloUser;
  /** What was sent with it. */
  url?: HttpsUrl;
};

/** Somebody's id at Zalo: 1 to 32 digits. */
export type ZaloUser = string;

/** Every request, with what it is answered. */
export interface Requests {
  'member:add': [AddMember, Position];
  'member:ban': [BanMember, Position];
  'member:remove': [RemoveMember, Position];
  'member:role': [SetRole, Position];
  'member:unban': [UnbanMember, Position];
  'message:audio': [SendAudio, SentMessage];
  'message:file': [SendFile, SentMessage];
  'message:image': [SendImage, SentMessage];
  'message:location': [SendLocation, SentMessage];
  'message:send': [SendMessage, SentMessage];
  'message:text': [SendText, SentMessage];
  'message:zalo': [SendZalo, SentMessage];
  'presence:get': [GetPresence, PresenceList];
  'presence:set': [SetPresence, Done];
  'presence:watch': [WatchPresence, PresenceList];
  'room:bans': [ListBans, BansPage];
  'room:create': [CreateRoom, CreatedRoom];
  'room:discover': [DiscoverRooms, RoomsPage];
  'room:history': [History, EventsPage];
  'room:join': [JoinRoom, JoinedRoom];
  'room:leave': [LeaveRoom, Position];
  'room:list': [ListRooms, RoomList];
  'room:locate': [Locate, Position];
  'room:members': [ListMembers, MembersPage];
  'room:read': [MarkRead, Position];
  'room:rename': [RenameRoom, Position];
  'room:resume': [Resume, Resumed];
  typing: [Typing, Done];
  'user:block': [BlockUser, Done];
  'user:blocked': [ListBlocked, BlockedList];
  'user:unblock': [UnblockUser, Done];
}

/** Every event with its object. Those of a room's log carry their name in `type` too. */
export interface Events {
  'member:added': { type: 'member:added' } & MemberChange;
  'member:banned': { type: 'member:banned' } & MemberChange;
  'member:changed': { type: 'member:changed' } & RoleChange;
  'member:removed': { type: 'member:removed' } & MemberChange;
  'member:unbanned': { type: 'member:unbanned' } & MemberChange;
  message: { type: 'message' } & Message;
  'message:audio': Message;
  'message:file': Message;
  'message:image': Message;
  'message:location': Message;
  'message:text': Message;
  'message:zalo': Message;
  presence: PresenceEvent;
  read: ReadEvent;
  receipts: Receipts;
  resumed: RoomsResumed;
  'room:changed': { type: 'room:changed' } & RoomChange;
  session: Session;
  'session:ending': Ending;
  typing: TypingEvent;
}
