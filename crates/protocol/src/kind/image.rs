//! `image`

use super::{
    Body, HttpsUrl, Kind,
    invalid::{Invalid, a_line, invalid},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of an `image` message. The picture stays where it is: the server never fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageBody {
    /// Where the picture is.
    pub image_url: HttpsUrl,
    /// What it shows: 1 to 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub caption: Option<String>,
    /// In pixels, 1 to 65,535. With both sides given, a page keeps the place free for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub width: Option<u32>,
    /// In pixels, 1 to 65,535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub height: Option<u32>,
    /// In bytes, up to 2^53 - 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub file_size: Option<u64>,
}

impl ImageBody {
    /// Most bytes of a caption.
    pub const MAX_CAPTION_BYTES: usize = 1024;
    /// Most pixels of one side.
    pub const MAX_SIDE: u32 = 65_535;
}

impl Body for ImageBody {
    const KIND: Kind = Kind::Image;

    fn check(&self) -> Result<(), Invalid> {
        a_line("caption", self.caption.as_ref(), Self::MAX_CAPTION_BYTES)?;
        for (field, side) in [("width", self.width), ("height", self.height)] {
            if side.is_some_and(|side| !(1..=Self::MAX_SIDE).contains(&side)) {
                return Err(invalid(
                    field,
                    format!("The {field} must be from 1 to {} pixels.", Self::MAX_SIDE),
                ));
            }
        }
        super::file::check_size(self.file_size)
    }
}
