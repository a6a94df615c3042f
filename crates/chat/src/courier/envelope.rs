//! What nodes say to nodes alone, as bytes: JSON.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What goes along with an event that is said in a room, where others than nodes listen too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The position of an event of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Of which store.
    pub epoch: String,
    /// What proves it.
    pub seal: String,
}

/// Something that was said.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    /// Who said it.
    pub(super) node: String,
    pub(super) said: Box<RawValue>,
    pub(super) seal: String,
}

impl Envelope {
    pub(super) fn write(
        node: &str,
        said: &impl Serialize,
        seal: impl FnOnce(&RawValue) -> String,
    ) -> serde_json::Result<Bytes> {
        let said = serde_json::value::to_raw_value(said)?;
        let seal = seal(&said);
        serde_json::to_vec(&Self { node: node.to_owned(), said, seal }).map(Bytes::from)
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}
