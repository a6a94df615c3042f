//! `zalo`

use super::{
    Body, HttpsUrl, Kind, TextBody,
    invalid::{Invalid, at_most, invalid},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of a `zalo` message: with `event`, something that came from Zalo and has no kind of its own here, such as a
/// sticker; with `to`, an answer that goes to somebody there. It has one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZaloBody {
    /// What happened there, as Zalo calls it: 1 to 64 of `a-z 0-9 _`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9_]{1,64}$"))]
    pub event: Option<String>,
    /// Who is to get it: needs `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ZaloUser>,
    /// 1 byte to 8 KiB; with `to`, at most 2,000 characters, which is what Zalo takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub text: Option<String>,
    /// What was sent with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<HttpsUrl>,
}

/// Somebody's id at Zalo: 1 to 32 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9]{1,32}$"))]
pub struct ZaloUser(String);

impl TryFrom<String> for ZaloUser {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() || text.len() > 32 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("Somebody's id at Zalo has 1 to 32 digits.");
        }
        Ok(Self(text))
    }
}

impl From<ZaloUser> for String {
    fn from(user: ZaloUser) -> Self {
        user.0
    }
}

impl ZaloUser {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ZaloBody {
    /// Most characters of an answer.
    pub const MAX_ANSWER: usize = 2_000;
}

impl Body for ZaloBody {
    const KIND: Kind = Kind::Zalo;

    fn check(&self) -> Result<(), Invalid> {
        let named = |event: &String| {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            (1..=64).contains(&event.len()) && event.bytes().all(allowed)
        };
        if self.event.as_ref().is_some_and(|event| !named(event)) {
            return Err(invalid("event", "The event must be 1 to 64 of the characters a-z 0-9 and _."));
        }
        if let Some(text) = &self.text {
            at_most("text", text, TextBody::MAX_BYTES)?;
            if text.trim().is_empty() {
                return Err(invalid("text", "The text is empty: leave it out."));
            }
        }
        match (&self.event, &self.to, &self.text) {
            (None, None, _) => Err(invalid("event", "Give event, or to and text.")),
            (Some(_), Some(_), _) => Err(invalid("to", "Give event or to, not both.")),
            (None, Some(_), None) => Err(invalid("text", "An answer needs a text.")),
            (None, Some(_), Some(text)) if text.chars().count() > Self::MAX_ANSWER => {
                let most = Self::MAX_ANSWER;
                Err(invalid("text", format!("An answer to Zalo has at most {most} characters.")))
            }
            _ => Ok(()),
        }
    }
}
