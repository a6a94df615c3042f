-- Which message a sender's name for it means. In an index of `events` each message would change a page of its own, as it
-- does in the one by position; here the keys are put in later, in their order, many to a page (`log/keys.rs`).
CREATE TABLE message_keys (
    room_id   TEXT   NOT NULL,
    sender_id TEXT   NOT NULL,
    client_id TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    PRIMARY KEY (room_id, sender_id, client_id)
) WITHOUT ROWID;
INSERT INTO message_keys (room_id, sender_id, client_id, seq)
SELECT room_id, sender_id, client_id, seq FROM events
WHERE client_id IS NOT NULL ORDER BY room_id, sender_id, client_id;

-- `n` tells the order in which all events came; no number is given twice, not even that of an event that was cut.
CREATE TABLE numbered_events (
    n            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room_id      TEXT    NOT NULL,
    seq          BIGINT  NOT NULL,
    type         TEXT    NOT NULL,
    id           TEXT,
    sender_id    TEXT    NOT NULL,
    sender_name  TEXT    NOT NULL,
    sender_guest BIGINT  NOT NULL,
    client_id    TEXT,
    kind         TEXT,
    body         TEXT    NOT NULL,
    at           BIGINT  NOT NULL,
    messages     BIGINT  NOT NULL DEFAULT 0,
    own          BIGINT,
    prev         BIGINT,
    UNIQUE (room_id, seq)
);
INSERT INTO numbered_events (room_id, seq, type, id, sender_id, sender_name, sender_guest, client_id, kind, body, at,
    messages, own, prev)
SELECT room_id, seq, type, id, sender_id, sender_name, sender_guest, client_id, kind, body, at, messages, own, prev
FROM events ORDER BY rowid;
DROP TABLE events;
ALTER TABLE numbered_events RENAME TO events;
CREATE INDEX events_by_sender ON events (room_id, sender_id, seq) WHERE own % 32 = 0;

-- One row: the keys of all events up to this one are in `message_keys`.
CREATE TABLE message_keys_upto (n BIGINT NOT NULL);
INSERT INTO message_keys_upto SELECT COALESCE(MAX(n), 0) FROM events;
