//! The envelope of every acknowledgement.

use crate::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};
use serde_json::{Map, Value};

/// `{"ok":true, …fields of T}` or `{"ok":false,"error":{code,message,retryable,retryAfterMs?}}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T>(pub Result<T, Error>);

impl<T: Serialize> Serialize for Answer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Accepted<'a, T> {
            ok: bool,
            #[serde(flatten)]
            fields: &'a T,
        }
        match &self.0 {
            Ok(fields) => Accepted { ok: true, fields }.serialize(serializer),
            Err(error) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("ok", &false)?;
                map.serialize_entry("error", error)?;
                map.end()
            }
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut map = Map::deserialize(deserializer)?;
        match map.remove("ok") {
            Some(Value::Bool(true)) => serde_json::from_value(Value::Object(map))
                .map(|fields| Self(Ok(fields)))
                .map_err(D::Error::custom),
            Some(Value::Bool(false)) => {
                let error = map.remove("error").ok_or_else(|| D::Error::missing_field("error"))?;
                serde_json::from_value(error).map(|error| Self(Err(error))).map_err(D::Error::custom)
            }
            _ => Err(D::Error::missing_field("ok")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Position};

    #[test]
    fn both_shapes_round_trip() {
        let good = Answer(Ok(Position { seq: 3 }));
        let json = serde_json::to_value(&good).unwrap();
        assert_eq!(json, serde_json::json!({"ok": true, "seq": 3}));
        assert_eq!(serde_json::from_value::<Answer<Position>>(json).unwrap(), good);

        let bad: Answer<Position> = Answer(Err(Error::new(Code::Busy, "Busy.").retry_after_ms(50)));
        let json = serde_json::to_value(&bad).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"ok": false,
                "error": {"code": "busy", "message": "Busy.", "retryable": true, "retryAfterMs": 50}})
        );
        assert_eq!(serde_json::from_value::<Answer<Position>>(json).unwrap(), bad);
    }
}
