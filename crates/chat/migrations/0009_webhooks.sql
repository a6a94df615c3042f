-- Programs that write into rooms: what each is called, where it may write, and the keys it proves itself with.
CREATE TABLE webhooks (
    id         TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    name_key   TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE webhook_rooms (
    room_id    TEXT NOT NULL REFERENCES rooms (id),
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    PRIMARY KEY (room_id, webhook_id)
);
CREATE INDEX webhook_rooms_of_webhook ON webhook_rooms (webhook_id, room_id);

-- Of a key only a hash is kept, and the salt from which the server's own secret makes it again. Until expires_at, where
-- that is not NULL: the keys before the newest one.
CREATE TABLE webhook_keys (
    key_hash   TEXT   NOT NULL PRIMARY KEY,
    webhook_id TEXT   NOT NULL REFERENCES webhooks (id),
    salt       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX webhook_keys_of_webhook ON webhook_keys (webhook_id);
