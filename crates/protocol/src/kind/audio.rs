//! `audio`

use super::{Body, HttpsUrl, Invalid, Kind, Seconds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of an `audio` message. The sound stays where it is: the server never fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AudioBody {
    /// Where the sound is.
    pub audio_url: HttpsUrl,
    /// How long it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Seconds>,
}

impl Body for AudioBody {
    const KIND: Kind = Kind::Audio;

    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }
}
