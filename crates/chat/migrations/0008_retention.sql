-- The position of the oldest event that a room's log still has; one past the newest where it has none.
ALTER TABLE rooms ADD COLUMN kept_from BIGINT NOT NULL DEFAULT 1;

-- What is left of a message that retention has cut: what its sender was answered, to be answered again. (WITHOUT ROWID,
-- SQLite's word for a table that is its own index, halves it.)
CREATE TABLE cut_messages (
    room_id   TEXT   NOT NULL,
    sender_id TEXT   NOT NULL,
    client_id TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    id        TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (room_id, sender_id, client_id)
) WITHOUT ROWID;

-- Guests that have expired, and whether somebody still means them, are found without a walk through everybody.
CREATE INDEX users_guests ON users (seen_at, id) WHERE guest = 1;
CREATE INDEX bans_of_user ON bans (user_id);
CREATE INDEX blocks_of_blocked ON blocks (blocked_id);
