//! `text`

use super::{
    Body, Kind,
    invalid::{Invalid, at_most, invalid},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of a `text` message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextBody {
    /// 1 byte to 8 KiB of UTF-8, not only white space.
    #[schemars(length(min = 1, max = 8192))]
    pub text: String,
}

impl TextBody {
    /// Most bytes a text may have.
    pub const MAX_BYTES: usize = 8 * 1024;
}

impl Body for TextBody {
    const KIND: Kind = Kind::Text;

    fn check(&self) -> Result<(), Invalid> {
        at_most("text", &self.text, Self::MAX_BYTES)?;
        if self.text.trim().is_empty() {
            return Err(invalid("text", "The text is empty."));
        }
        Ok(())
    }
}
