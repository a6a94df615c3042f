//! `file`

use super::{
    Body, HttpsUrl, Kind,
    invalid::{Invalid, a_line, invalid},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of a `file` message. The file stays where it is: the server never fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileBody {
    /// Where the file is.
    pub file_url: HttpsUrl,
    /// What it is called: 1 to 255 bytes, without `/`, `\` and control characters.
    #[schemars(length(min = 1, max = 255))]
    pub file_name: String,
    /// In bytes, up to 2^53 - 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub file_size: Option<u64>,
    /// Its media type, such as `application/pdf`: at most 127 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 127), regex(pattern = r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$"))]
    pub file_type: Option<String>,
}

impl FileBody {
    /// Most bytes of a name: as many as file systems take.
    pub const MAX_NAME_BYTES: usize = 255;
    /// Most bytes of a media type (RFC 6838 §4.2 has 127 for each of its two names).
    pub const MAX_TYPE_BYTES: usize = 127;
}

impl Body for FileBody {
    const KIND: Kind = Kind::File;

    fn check(&self) -> Result<(), Invalid> {
        a_line("fileName", Some(&self.file_name), Self::MAX_NAME_BYTES)?;
        if self.file_name.contains(['/', '\\']) {
            return Err(invalid("fileName", "The fileName is a name, not a path: it must not have / or \\."));
        }
        check_size(self.file_size)?;
        if self.file_type.as_ref().is_some_and(|named| !is_media_type(named)) {
            return Err(invalid("fileType", "The fileType must be a media type such as application/pdf."));
        }
        Ok(())
    }
}

/// RFC 6838 §4.2
fn is_media_type(text: &str) -> bool {
    let name = |name: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b);
        !name.is_empty() && name.bytes().all(allowed)
    };
    text.len() <= FileBody::MAX_TYPE_BYTES
        && text.split_once('/').is_some_and(|(kind, subtype)| name(kind) && name(subtype))
}

/// What a JavaScript number can count.
pub(super) fn check_size(size: Option<u64>) -> Result<(), Invalid> {
    const MOST: u64 = (1 << 53) - 1;
    if size.is_some_and(|size| size > MOST) {
        return Err(invalid("fileSize", format!("The fileSize must be at most {MOST} bytes.")));
    }
    Ok(())
}
