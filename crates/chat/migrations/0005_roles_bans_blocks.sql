-- Who is kept out of a room.
CREATE TABLE bans (
    room_id TEXT NOT NULL REFERENCES rooms (id),
    user_id TEXT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

-- Whom somebody does not want to hear from.
CREATE TABLE blocks (
    user_id    TEXT NOT NULL,
    blocked_id TEXT NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
);

-- Whether a room has a second owner is told without a walk through its members.
CREATE INDEX members_owners ON members (room_id) WHERE role = 'owner';

-- What public rooms are found by: their name and id, folded as names are that are compared. NULL where that is still
-- to be done, since SQL cannot: the next start does it.
CREATE TABLE public_rooms (
    room_id TEXT NOT NULL PRIMARY KEY REFERENCES rooms (id),
    folded  TEXT
);
CREATE INDEX public_rooms_to_fold ON public_rooms (room_id) WHERE folded IS NULL;
INSERT INTO public_rooms (room_id) SELECT id FROM rooms WHERE kind = 'public';
