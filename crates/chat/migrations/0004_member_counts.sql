-- How many members a room has is told without counting them.
ALTER TABLE rooms ADD COLUMN members BIGINT NOT NULL DEFAULT 0;
UPDATE rooms SET members = (SELECT COUNT(*) FROM members WHERE members.room_id = rooms.id);
