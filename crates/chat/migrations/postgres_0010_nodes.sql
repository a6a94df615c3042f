-- The nodes that run on this store, each until its lease ends, by the database's own clock. One that has stopped has no
-- name any more, and its lease ends in its own time: those who were online with it come to other nodes meanwhile.
CREATE TABLE nodes (
    id          TEXT COLLATE "C"   NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C",
    connections BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- Who is online with which node.
CREATE TABLE online (
    user_id TEXT COLLATE "C" NOT NULL,
    node    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, node)
);
CREATE INDEX online_with_node ON online (node);
