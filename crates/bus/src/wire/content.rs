//! A value of JavaScript's on its way: what somebody emits, or answers.

use super::{Malformed, Text};
use bytes::Bytes;
use plaza_socketio::{Attachment, Outgoing, Payload};
use serde::{
    Deserialize, Serialize,
    de::{Deserializer, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, fmt};

/// JSON, and the bytes that its places stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content<'a> {
    /// Well-formed JSON.
    pub json: Cow<'a, str>,
    /// In the order of the places' numbers.
    pub attachments: Vec<Bytes>,
}

impl<'a> Content<'a> {
    /// Any value that has no bytes.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Content<'static>, serde_json::Error> {
        Ok(Content { json: serde_json::to_string(value)?.into(), attachments: Vec::new() })
    }

    /// An event as it goes to clients: the array with its name in front.
    pub fn event(event: &'a Outgoing) -> Self {
        let attachments = event.attachments().map(Bytes::copy_from_slice).collect();
        Self { json: event.json().into(), attachments }
    }

    /// The same, with nothing borrowed.
    pub fn into_owned(self) -> Content<'static> {
        Content { json: self.json.into_owned().into(), attachments: self.attachments }
    }

    /// How many bytes it has, those that its places stand for included.
    pub fn len(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether it has none, which no JSON has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first argument of an acknowledgement, which is all that Node passes on of it; `None`: it had none.
    pub fn first_of(answer: &Payload) -> Option<Content<'static>> {
        let first = answer.elements().ok()?.first()?.get().to_owned();
        let attachments = answer.attachments();
        // All of the bytes belong to it, or those that do are numbered otherwise.
        let (json, attachments) = match attachments.is_empty() {
            true => (first, Vec::new()),
            false => renumbered(&first, attachments)?,
        };
        Some(Content { json: json.into(), attachments })
    }

    /// A part of a text that bears all its bytes, if it has any.
    pub(super) fn part(raw: &'a RawValue, text: &'a Text<'_>) -> Result<Self, Malformed> {
        let attachments = text.attachments().to_vec();
        if !attachments.is_empty() {
            let value = serde_json::from_str(raw.get()).map_err(|_| Malformed("no JSON"))?;
            let mut places = 0;
            walk(&value, &mut |_| places += 1);
            if places != attachments.len() {
                return Err(Malformed("bytes where none belong"));
            }
        }
        Ok(Self { json: raw.get().into(), attachments })
    }

    /// The name of the event that this array is; `None`: it is none.
    pub fn event_name(&self) -> Option<Cow<'_, str>> {
        serde_json::from_str::<Name<'_>>(&self.json).ok().map(|name| name.0)
    }

    /// The arguments of the event that this array is.
    pub fn arguments(&self) -> Result<Payload, Malformed> {
        let elements: Vec<&RawValue> = serde_json::from_str(&self.json).map_err(|_| Malformed("no event"))?;
        let rest = elements.get(1..).ok_or(Malformed("no event"))?;
        let json = serde_json::to_string(rest).map_err(|_| Malformed("no event"))?;
        Payload::from_json(&json, self.attachments.clone()).map_err(|_| Malformed("no event"))
    }

    /// As the only argument of an acknowledgement.
    pub fn into_answer(self) -> Result<Payload, Malformed> {
        Payload::from_json(&format!("[{}]", self.json), self.attachments).map_err(|_| Malformed("no JSON"))
    }

    /// The value; places stand where the bytes were.
    pub fn value(&self) -> Result<Value, Malformed> {
        serde_json::from_str(&self.json).map_err(|_| Malformed("no JSON"))
    }
}

/// Calls `found` with the number of every place for bytes.
fn walk(value: &Value, found: &mut impl FnMut(u64)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
        Value::Object(fields) => match place(fields) {
            Some(number) => found(number),
            None => fields.values().for_each(|value| walk(value, found)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn place(fields: &serde_json::Map<String, Value>) -> Option<u64> {
    (fields.get("_placeholder") == Some(&Value::Bool(true)))
        .then(|| fields.get("num").and_then(Value::as_u64))
        .flatten()
}

/// The value with its places counted from 0, and the bytes that they stand for.
fn renumbered(json: &str, attachments: &[Bytes]) -> Option<(String, Vec<Bytes>)> {
    fn renumber(value: &mut Value, from: &[Bytes], to: &mut Vec<Bytes>) -> Option<()> {
        match value {
            Value::Array(values) => values.iter_mut().try_for_each(|value| renumber(value, from, to)),
            Value::Object(fields) => {
                let Some(number) = place(fields) else {
                    return fields.values_mut().try_for_each(|value| renumber(value, from, to));
                };
                let bytes = from.get(usize::try_from(number).ok()?)?;
                *value = serde_json::to_value(Attachment(to.len())).ok()?;
                to.push(bytes.clone());
                Some(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(()),
        }
    }
    let mut value = serde_json::from_str(json).ok()?;
    let mut found = Vec::new();
    renumber(&mut value, attachments, &mut found)?;
    Some((value.to_string(), found))
}

/// Replaces places for bytes, where the bytes are not kept.
pub(super) fn without_places(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_places),
        Value::Object(fields) if place(fields).is_some() => *value = Value::Null,
        Value::Object(fields) => fields.values_mut().for_each(without_places),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The first element of an array: a text, or a number, which JavaScript takes for one.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with an event's name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Name<'de>, A::Error> {
                let name = seq.next_element::<super::json::Label<'de>>()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                name.map(|name| Name(name.0)).ok_or_else(|| serde::de::Error::invalid_length(0, &self))
            }
        }
        deserializer.deserialize_seq(First)
    }
}
