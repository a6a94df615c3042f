//! What may stand behind a request's object.

use crate::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request's second argument, which may be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestOptions {
    /// How long the request is of use, from when the server has read it: 1 to 30,000 milliseconds. One whose turn does
    /// not come until then is not carried out, and answered `expired`. Absent: as configured, 10 seconds by default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeout_ms: Option<u32>,
}

impl RequestOptions {
    /// Most milliseconds that a request may ask for.
    pub const MAX_TIMEOUT_MS: u32 = 30_000;

    /// The time that is asked for, in milliseconds.
    ///
    /// # Errors
    /// `bad_request` for one that is out of bounds.
    pub fn timeout_ms(self) -> Result<Option<u32>, Error> {
        match self.timeout_ms {
            Some(millis) if !(1..=Self::MAX_TIMEOUT_MS).contains(&millis) => Err(Error::bad_request(
                format!("timeoutMs is {millis}, and must be from 1 to {}.", Self::MAX_TIMEOUT_MS),
            )),
            asked => Ok(asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bounded() {
        let ask = |timeout_ms| RequestOptions { timeout_ms }.timeout_ms();
        assert_eq!(ask(None), Ok(None));
        assert_eq!((ask(Some(1)), ask(Some(30_000))), (Ok(Some(1)), Ok(Some(30_000))));
        for bad in [0, 30_001, u32::MAX] {
            assert!(ask(Some(bad)).unwrap_err().message.contains(&bad.to_string()));
        }
    }
}
