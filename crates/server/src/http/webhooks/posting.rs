//! The bodies of webhooks. They are read field by field, so that a refusal names the one that is wrong.

use crate::http::problem::Refusal;
use plaza_protocol::{Body, Content, Error, Posted, PostedMessage, RoomId, TextBody};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(in crate::http) type Fields = Map<String, Value>;

/// What may be posted: beside `roomId` and `sender`.
pub(in crate::http) trait Posting: JsonSchema + Send + 'static {
    fn content(fields: Fields) -> Result<Content, Refusal>;
}

impl<B: Body> Posting for Posted<B> {
    fn content(fields: Fields) -> Result<Content, Refusal> {
        body::<B>(fields).map(Into::into)
    }
}

/// Its text is called `message`.
impl Posting for PostedMessage {
    fn content(mut fields: Fields) -> Result<Content, Refusal> {
        let text = required::<String>(&mut fields, "message")?;
        if let Some(other) = fields.keys().next() {
            let sentence = format!("The body does not fit: unknown field `{other}`.");
            return Err(Refusal::from(Error::bad_request(sentence)).in_field(other.as_str()));
        }
        let body = TextBody { text };
        body.check().map_err(|invalid| Refusal::from(invalid.error).in_field("message"))?;
        Ok(body.into())
    }
}

fn body<B: Body>(fields: Fields) -> Result<B, Refusal> {
    let body: B = serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let refusal = Refusal::from(Error::misfit("body", &error));
        match field_of(&path, &error.to_string()) {
            Some(field) => refusal.in_field(field),
            None => refusal,
        }
    })?;
    body.check().map_err(|invalid| Refusal::from(invalid.error).in_field(invalid.field))?;
    Ok(body)
}

/// The field where it broke off; of one that is missing or unknown the sentence tells.
fn field_of(path: &str, sentence: &str) -> Option<String> {
    if path != "." {
        return Some(path.to_owned());
    }
    let named = ["missing field `", "unknown field `"].iter().find_map(|start| sentence.strip_prefix(start));
    named.and_then(|rest| rest.split_once('`')).map(|(field, _)| field.to_owned())
}

/// The room that is meant, if it can be one.
pub(super) fn room(fields: &Fields) -> Option<RoomId> {
    fields.get("roomId")?.as_str()?.parse().ok()
}

pub(super) fn required<T: DeserializeOwned>(fields: &mut Fields, name: &str) -> Result<T, Refusal> {
    optional(fields, name)?.ok_or_else(|| {
        let sentence = format!("The body does not fit: missing field `{name}`.");
        Refusal::from(Error::bad_request(sentence)).in_field(name)
    })
}

pub(super) fn optional<T: DeserializeOwned>(fields: &mut Fields, name: &str) -> Result<Option<T>, Refusal> {
    let value = fields.remove(name).filter(|value| !value.is_null());
    let read = value.map(serde_json::from_value).transpose();
    read.map_err(|error| Refusal::from(Error::misfit(name, &error)).in_field(name))
}
