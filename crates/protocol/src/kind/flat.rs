//! Messages whose fields stand flat beside what says where they go. serde cannot refuse unknown fields beside flattened
//! ones, so what does not belong to the address is read as the body, which refuses them.

use super::Body;
use crate::{ClientId, RoomId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// `message:<kind>`: write a message of this kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SendKind<B> {
    /// The room.
    pub room_id: RoomId,
    /// The sender's own name for it; the same again is answered as the first time. Without one, sending again writes
    /// twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    /// Its fields.
    #[serde(flatten)]
    pub body: B,
}

/// `POST /webhook/<kind>`: what somebody else's program writes into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Posted<B> {
    /// The room.
    pub room_id: RoomId,
    /// The name to show; the webhook's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Its fields.
    #[serde(flatten)]
    pub body: B,
}

impl<'de, B: Body> Deserialize<'de> for SendKind<B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let room_id = take(&mut fields, "roomId")?.ok_or_else(|| D::Error::missing_field("roomId"))?;
        let client_id = take(&mut fields, "clientId")?;
        let body = serde_json::from_value(Value::Object(fields)).map_err(D::Error::custom)?;
        Ok(Self { room_id, client_id, body })
    }
}

fn take<T: DeserializeOwned, E: serde::de::Error>(
    fields: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<T>, E> {
    let value = fields.remove(name).filter(|value| !value.is_null());
    value.map(serde_json::from_value).transpose().map_err(E::custom)
}

impl<B: Body> JsonSchema for SendKind<B> {
    fn schema_name() -> Cow<'static, str> {
        format!("Send{}", short_name::<B>()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let client_id = generator.subschema_for::<ClientId>().to_value();
        beside::<B>(generator, "clientId", client_id)
    }
}

impl<B: Body> JsonSchema for Posted<B> {
    fn schema_name() -> Cow<'static, str> {
        format!("Posted{}", short_name::<B>()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let about = "The name to show, 1 to 32 characters; the webhook's own if absent.";
        beside::<B>(generator, "sender", json!({"type": "string", "description": about}))
    }
}

fn short_name<B: Body>() -> String {
    let name = B::schema_name();
    name.strip_suffix("Body").unwrap_or(&name).to_owned()
}

/// The body's schema with `roomId`, and one more field that may be left out.
fn beside<B: Body>(generator: &mut SchemaGenerator, more: &str, schema: Value) -> Schema {
    let room_id = generator.subschema_for::<RoomId>().to_value();
    let mut object = B::json_schema(generator);
    let fields = object.ensure_object();
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.insert("roomId".to_owned(), room_id);
        properties.insert(more.to_owned(), schema);
    }
    if let Value::Array(required) = fields.entry("required").or_insert_with(|| json!([])) {
        required.insert(0, json!("roomId"));
    }
    object
}
