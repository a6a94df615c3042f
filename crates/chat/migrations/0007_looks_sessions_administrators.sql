-- What a name looks like: see accounts/looks.rs, which fills it in. NULL where the name is free again.
ALTER TABLE users ADD COLUMN look TEXT;
ALTER TABLE users ADD COLUMN look_version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX users_by_look ON users (look_version, look);

-- Administrators are few, and found without a walk through all who are not.
ALTER TABLE users ADD COLUMN admin BIGINT NOT NULL DEFAULT 0;
CREATE INDEX users_admins ON users (id) WHERE admin = 1;

-- The device that logged in, and the last use, to the hour.
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
UPDATE sessions SET used_at = created_at;

-- Those that hold, of one account, the last use first.
DROP INDEX sessions_of_user;
CREATE INDEX sessions_that_hold ON sessions (user_id, used_at) WHERE revoked_at IS NULL;

-- Links by which a password can be set anew, each once.
CREATE TABLE reset_links (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    expires_at BIGINT NOT NULL
);
CREATE INDEX reset_links_of_user ON reset_links (user_id);
CREATE INDEX reset_links_by_expiry ON reset_links (expires_at);
