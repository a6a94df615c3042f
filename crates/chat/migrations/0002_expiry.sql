-- What has expired is found without a walk through all that has not.
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
