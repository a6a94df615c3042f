//! What must not be seen: passwords, tokens, keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Text that no log and no `{:?}` shows; there is no `{}`. On the wire it is a string like any other. Comparing two
/// takes a time that depends on them: whether somebody's proof is right is decided by its hash.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Secret(empty)" } else { "Secret(…)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Auth, Credentials, ManagedBy, RefreshRequest, Session, Tokens, User};

    #[test]
    fn nothing_that_bears_one_prints_it() {
        let hush = || Secret::new("hush-hush");
        let user = User { id: "u_1".parse().unwrap(), name: "Ana".into(), guest: false };
        let session = Session {
            user: user.clone(),
            token: Some(hush()),
            node: String::new(),
            epoch: String::new(),
            members_managed_by: ManagedBy::Anyone,
        };
        for printed in [
            format!("{:?}", hush()),
            format!("{:#?}", Auth { token: Some(hush()), ..Auth::default() }),
            format!("{session:#?}"),
            format!("{:#?}", Credentials { name: "Ana".into(), password: hush() }),
            format!("{:#?}", RefreshRequest { refresh_token: hush() }),
            format!(
                "{:#?}",
                Tokens { user, access_token: hush(), access_token_expires_in_ms: 1, refresh_token: hush() }
            ),
        ] {
            assert!(printed.contains("Secret(…)") && !printed.contains("hush"), "{printed}");
        }
    }

    #[test]
    fn it_travels_as_a_string() {
        let body: RefreshRequest = serde_json::from_str(r#"{"refreshToken":"hush"}"#).unwrap();
        assert_eq!(body.refresh_token.expose(), "hush");
        assert_eq!(serde_json::to_string(&body).unwrap(), r#"{"refreshToken":"hush"}"#);
    }
}
