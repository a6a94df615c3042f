-- What is unread is told by subtraction, not by counting: the room's messages, less the member's own, less the others'
-- up to where the member has read.
ALTER TABLE rooms ADD COLUMN messages BIGINT NOT NULL DEFAULT 0;

-- `messages`: how many there are in the room, up to and with this event. Of a message also, `own`: how many of them
-- its sender wrote as a member, and `prev`: the position of the one before it. Every 32nd is found by an index, and
-- from there any other in a few steps; an index of all would cost each message a third more.
ALTER TABLE events ADD COLUMN messages BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN own BIGINT;
ALTER TABLE events ADD COLUMN prev BIGINT;

-- `own` and `own_seq`: how many messages the member wrote, and the position of the newest. `read_others`: the messages
-- up to `read_seq` that are not counted in `own`.
ALTER TABLE members ADD COLUMN own BIGINT NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN own_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN read_others BIGINT NOT NULL DEFAULT 0;

UPDATE events SET messages = counted.messages, own = counted.own, prev = counted.prev
FROM (
    SELECT room_id, seq,
        COUNT(CASE WHEN type = 'message' THEN 1 END) OVER (PARTITION BY room_id ORDER BY seq) AS messages,
        CASE WHEN type = 'message'
            THEN ROW_NUMBER() OVER (PARTITION BY room_id, sender_id, type ORDER BY seq) END AS own,
        CASE WHEN type = 'message'
            THEN LAG(seq, 1, 0) OVER (PARTITION BY room_id, sender_id, type ORDER BY seq) END AS prev
    FROM events
) AS counted
WHERE events.room_id = counted.room_id AND events.seq = counted.seq;

UPDATE rooms SET messages = newest.messages
FROM events AS newest
WHERE newest.room_id = rooms.id AND newest.seq = rooms.seq;

UPDATE members SET own = written.own, own_seq = written.seq
FROM (
    SELECT room_id, sender_id, MAX(own) AS own, MAX(seq) AS seq
    FROM events WHERE own IS NOT NULL GROUP BY room_id, sender_id
) AS written
WHERE members.room_id = written.room_id AND members.user_id = written.sender_id;

UPDATE members SET read_others = reached.messages - reached.own
FROM (
    SELECT reader.room_id, reader.user_id, MAX(upto.messages) AS messages, COUNT(written.seq) AS own
    FROM members AS reader
    JOIN events AS upto ON upto.room_id = reader.room_id AND upto.seq = reader.read_seq
    LEFT JOIN events AS written ON written.room_id = reader.room_id AND written.sender_id = reader.user_id
        AND written.client_id IS NOT NULL AND written.seq <= reader.read_seq
    GROUP BY reader.room_id, reader.user_id
) AS reached
WHERE members.room_id = reached.room_id AND members.user_id = reached.user_id;

CREATE INDEX events_by_sender ON events (room_id, sender_id, seq) WHERE own % 32 = 0;
