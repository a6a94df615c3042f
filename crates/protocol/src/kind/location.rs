//! `location`

use super::{
    Body, Kind, Latitude, Longitude,
    invalid::{Invalid, a_line},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of a `location` message: a place, in degrees of WGS 84.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationBody {
    /// North is above 0.
    pub latitude: Latitude,
    /// East is above 0.
    pub longitude: Longitude,
    /// What people call it: 1 to 512 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub address: Option<String>,
}

impl LocationBody {
    /// Most bytes of an address.
    pub const MAX_ADDRESS_BYTES: usize = 512;
}

impl Body for LocationBody {
    const KIND: Kind = Kind::Location;

    fn check(&self) -> Result<(), Invalid> {
        a_line("address", self.address.as_ref(), Self::MAX_ADDRESS_BYTES)
    }
}
