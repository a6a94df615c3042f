//! Writing.

use crate::{ClientId, Content, RoomId, Seq, Timestamp, kind::FlatMessage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `message:send`: write into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", from = "FlatMessage")]
pub struct SendMessage {
    /// The room.
    pub room_id: RoomId,
    /// The sender's own name for it; the same again is answered as the first time.
    pub client_id: ClientId,
    /// `kind` and `body`.
    #[serde(flatten)]
    pub content: Content,
}

/// Answer to `message:send`: the message is in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentMessage {
    /// Its position.
    pub seq: Seq,
    /// Its id.
    pub id: String,
    /// When the server accepted it.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::SendMessage;
    use serde_json::json;

    #[test]
    fn a_message_is_flat_and_has_nothing_else() {
        let object = json!({"roomId": "r", "clientId": "c", "kind": "text", "body": {"text": "hi"}});
        let request: SendMessage = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(serde_json::to_value(&request).unwrap(), object);
        for (field, value) in [
            ("kind", json!("image")),
            ("kind", json!("video")),
            ("body", json!({"text": "hi", "x": 1})),
            ("x", json!(1)),
        ] {
            let mut other = object.clone();
            other[field] = value;
            assert!(serde_json::from_value::<SendMessage>(other).is_err(), "{field}");
        }
    }
}
