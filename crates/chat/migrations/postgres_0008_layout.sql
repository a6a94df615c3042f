-- PostgreSQL's first step: what the eight steps of SQLite's make together. Text that is compared or ordered has the order
-- of its bytes (COLLATE "C"), as in SQLite. What a column means is told in SQLite's steps.
CREATE TABLE users (
    id            TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT   COLLATE "C" NOT NULL,
    name_key      TEXT   COLLATE "C" UNIQUE,
    guest         BIGINT NOT NULL,
    password_hash TEXT,
    token_hash    TEXT   COLLATE "C" UNIQUE,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    hidden        BIGINT NOT NULL DEFAULT 0,
    left_at       BIGINT,
    look          TEXT   COLLATE "C",
    look_version  BIGINT NOT NULL DEFAULT 0,
    admin         BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX users_by_look ON users (look_version, look);
CREATE INDEX users_admins ON users (id) WHERE admin = 1;
CREATE INDEX users_guests ON users (seen_at, id) WHERE guest = 1;

CREATE TABLE sessions (
    id         TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    user_id    TEXT   COLLATE "C" NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    device     TEXT   NOT NULL DEFAULT '',
    used_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX sessions_that_hold ON sessions (user_id, used_at) WHERE revoked_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    session_id TEXT   COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE reset_links (
    token_hash TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    user_id    TEXT   COLLATE "C" NOT NULL REFERENCES users (id),
    expires_at BIGINT NOT NULL
);
CREATE INDEX reset_links_of_user ON reset_links (user_id);
CREATE INDEX reset_links_by_expiry ON reset_links (expires_at);

CREATE TABLE secrets (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Rows that change with every message leave room in their page, so that a change is written beside them and no index has
-- to know.
CREATE TABLE rooms (
    id         TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT   COLLATE "C" NOT NULL,
    kind       TEXT   COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    created_by TEXT   COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    messages   BIGINT NOT NULL DEFAULT 0,
    members    BIGINT NOT NULL DEFAULT 0,
    kept_from  BIGINT NOT NULL DEFAULT 1
) WITH (fillfactor = 70);

CREATE TABLE members (
    room_id     TEXT   COLLATE "C" NOT NULL REFERENCES rooms (id),
    user_id     TEXT   COLLATE "C" NOT NULL,
    role        TEXT   COLLATE "C" NOT NULL,
    read_seq    BIGINT NOT NULL,
    own         BIGINT NOT NULL DEFAULT 0,
    own_seq     BIGINT NOT NULL DEFAULT 0,
    read_others BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 70);
CREATE INDEX members_of_user ON members (user_id, room_id);
CREATE INDEX members_owners ON members (room_id) WHERE role = 'owner';

CREATE TABLE events (
    room_id      TEXT   COLLATE "C" NOT NULL,
    seq          BIGINT NOT NULL,
    type         TEXT   COLLATE "C" NOT NULL,
    id           TEXT   COLLATE "C",
    sender_id    TEXT   COLLATE "C" NOT NULL,
    sender_name  TEXT   NOT NULL,
    sender_guest BIGINT NOT NULL,
    client_id    TEXT   COLLATE "C",
    kind         TEXT   COLLATE "C",
    body         TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    messages     BIGINT NOT NULL DEFAULT 0,
    own          BIGINT,
    prev         BIGINT,
    PRIMARY KEY (room_id, seq)
);
-- "POSIX" is the same order under another name. Who asks by it can mean these indexes alone, and not the primary key: in a
-- table of which nothing is known yet the planner would take that one, and walk through the room.
CREATE UNIQUE INDEX events_once ON events (room_id COLLATE "POSIX", sender_id, client_id)
    WHERE client_id IS NOT NULL;
CREATE INDEX events_by_sender ON events (room_id COLLATE "POSIX", sender_id, seq) WHERE own % 32 = 0;

CREATE TABLE cut_messages (
    room_id   TEXT   COLLATE "C" NOT NULL,
    sender_id TEXT   COLLATE "C" NOT NULL,
    client_id TEXT   COLLATE "C" NOT NULL,
    seq       BIGINT NOT NULL,
    id        TEXT   COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (room_id, sender_id, client_id)
);

CREATE TABLE bans (
    room_id TEXT COLLATE "C" NOT NULL REFERENCES rooms (id),
    user_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX bans_of_user ON bans (user_id);

CREATE TABLE blocks (
    user_id    TEXT COLLATE "C" NOT NULL,
    blocked_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);
CREATE INDEX blocks_of_blocked ON blocks (blocked_id);

CREATE TABLE public_rooms (
    room_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES rooms (id),
    folded  TEXT COLLATE "C"
);
CREATE INDEX public_rooms_to_fold ON public_rooms (room_id) WHERE folded IS NULL;
