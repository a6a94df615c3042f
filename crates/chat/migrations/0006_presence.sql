-- Whether one lets oneself be seen (0) or not (1), and when one's last connection ended, unless that was not to be
-- seen. Not `seen_at`, which is a guest's last use of the token.
ALTER TABLE users ADD COLUMN hidden BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN left_at BIGINT;
