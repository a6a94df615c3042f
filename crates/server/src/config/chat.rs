//! Accounts, rooms, messages: the chat's own settings, with its secret put in from `[auth]`.

use super::{Auth, ConfigError};

/// Checks the chat's settings, whose bounds the chat knows, and completes them.
pub(super) fn complete(chat: &mut plaza_chat::Settings, auth: &Auth) -> Result<(), ConfigError> {
    // TOML has no word for "absent".
    if chat.password_hashes == Some(0) {
        chat.password_hashes = None;
    }
    if !auth.secret.is_empty() {
        chat.token_secret = Some(auth.secret.clone());
    }
    chat.check().map_err(|why| ConfigError::Bounds(format!("chat.{}", why.trim_end_matches('.'))))
}
