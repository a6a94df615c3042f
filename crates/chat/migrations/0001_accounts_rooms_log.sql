-- Who somebody is: accounts have a password, guests a token. name_key is NULL where the name is free again.
-- Times are milliseconds since 1970; truth values are 0 and 1.
CREATE TABLE users (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    name_key      TEXT   UNIQUE,
    guest         BIGINT NOT NULL,
    password_hash TEXT,
    token_hash    TEXT   UNIQUE,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL
);

-- One log-in, and the family of refresh tokens that came of it.
CREATE TABLE sessions (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE refresh_tokens (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    session_id TEXT   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- seq is the position of the newest event.
CREATE TABLE rooms (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

-- The fold of the room's member events, kept beside them.
CREATE TABLE members (
    room_id  TEXT   NOT NULL REFERENCES rooms (id),
    user_id  TEXT   NOT NULL,
    role     TEXT   NOT NULL,
    read_seq BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX members_of_user ON members (user_id, room_id);

-- The log. sender is who wrote, or who added or removed; as they were then.
CREATE TABLE events (
    room_id      TEXT   NOT NULL,
    seq          BIGINT NOT NULL,
    type         TEXT   NOT NULL,
    id           TEXT,
    sender_id    TEXT   NOT NULL,
    sender_name  TEXT   NOT NULL,
    sender_guest BIGINT NOT NULL,
    client_id    TEXT,
    kind         TEXT,
    body         TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (room_id, seq)
);
-- A message is stored once: the sender's own name for it is the key.
CREATE UNIQUE INDEX events_once ON events (room_id, sender_id, client_id) WHERE client_id IS NOT NULL;
