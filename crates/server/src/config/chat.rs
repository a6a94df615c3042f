//! Accounts, rooms, messages: the chat's own settings, with its secret put in from `[auth]`.

use super::{Auth, ConfigError, Socket};

/// Checks the chat's settings, whose bounds the chat knows, and completes them.
pub(super) fn complete(
    chat: &mut plaza_chat::Settings,
    auth: &Auth,
    socket: &Socket,
) -> Result<(), ConfigError> {
    // TOML has no word for "absent".
    if chat.password_hashes == Some(0) {
        chat.password_hashes = None;
    }
    if !auth.secret.is_empty() {
        chat.token_secret = Some(auth.secret.clone());
    }
    // An answer finds half of the outbox free, see `gateway::commands`.
    chat.answer_bytes = chat.answer_bytes.min(socket.outbox_bytes / 4);
    chat.check().map_err(|why| ConfigError::Bounds(format!("chat.{}", why.trim_end_matches('.'))))
}
