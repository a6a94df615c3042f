//! Arguments of an event or of an acknowledgement: JSON, and the bytes its placeholders stand for.

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, SeqAccess, value::SeqAccessDeserializer,
    },
    ser::SerializeStruct,
};
use serde_json::{Value, value::RawValue};

/// Arguments as they came: checked JSON, not yet read into anything.
#[derive(Debug, Clone)]
pub struct Payload {
    /// A JSON array.
    json: Box<str>,
    /// Elements to pass over: an event's array begins with its name.
    skip: usize,
    attachments: Vec<Bytes>,
}

impl Payload {
    pub(crate) fn event(json: &str, attachments: Vec<Bytes>) -> Self {
        Self { json: json.into(), skip: 1, attachments }
    }

    pub(crate) fn ack(json: &str, attachments: Vec<Bytes>) -> Self {
        Self { json: json.into(), skip: 0, attachments }
    }

    /// Arguments that came from another node: a JSON array. An error where it is none.
    pub fn from_json(json: &str, attachments: Vec<Bytes>) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Vec<IgnoredAny>>(json)?;
        Ok(Self::ack(json, attachments))
    }

    /// No arguments.
    pub fn empty() -> Self {
        Self::ack("[]", Vec::new())
    }

    /// The arguments, read as a tuple or any other sequence, one element an argument. Arguments beyond those
    /// asked for are passed over; a missing one is an error.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let elements = Elements(self.elements()?.into_iter());
        T::deserialize(SeqAccessDeserializer::new(elements))
    }

    /// Each argument as JSON text.
    pub fn elements(&self) -> Result<Vec<&RawValue>, serde_json::Error> {
        let mut elements: Vec<&RawValue> = serde_json::from_str(&self.json)?;
        if elements.len() < self.skip {
            return Err(serde_json::Error::custom("no name"));
        }
        elements.drain(..self.skip);
        Ok(elements)
    }

    /// The bytes that came with it, in the order of the placeholders' numbers.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The bytes one placeholder stands for, if they came.
    pub fn attachment(&self, place: Attachment) -> Option<&Bytes> {
        self.attachments.get(place.0)
    }
}

/// Whether every place in this JSON is one of bytes that came. JSON nested too deep to look at has none.
pub(crate) fn places_exist(json: &str, attachments: usize) -> bool {
    fn look(value: &Value, attachments: usize) -> bool {
        match value {
            Value::Array(values) => values.iter().all(|value| look(value, attachments)),
            Value::Object(fields) if fields.get("_placeholder") == Some(&Value::Bool(true)) => {
                let place = fields.get("num").and_then(Value::as_u64);
                place.is_some_and(|place| place < attachments as u64)
            }
            Value::Object(fields) => fields.values().all(|value| look(value, attachments)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }
    serde_json::from_str(json).is_ok_and(|value| look(&value, attachments))
}

/// Hands over as many elements as it is asked for, and does not mind those left.
struct Elements<'a>(std::vec::IntoIter<&'a RawValue>);

impl<'a> SeqAccess<'a> for Elements<'a> {
    type Error = serde_json::Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Self::Error> {
        self.0.next().map(|element| seed.deserialize(element)).transpose()
    }
}

/// The place of bytes in JSON: `{"_placeholder":true,"num":N}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment(pub usize);

impl Serialize for Attachment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut place = serializer.serialize_struct("Attachment", 2)?;
        place.serialize_field("_placeholder", &true)?;
        place.serialize_field("num", &self.0)?;
        place.end()
    }
}

impl<'de> Deserialize<'de> for Attachment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Place {
            _placeholder: bool,
            num: usize,
        }
        let place = Place::deserialize(deserializer)?;
        if !place._placeholder {
            return Err(D::Error::custom("_placeholder is not true"));
        }
        Ok(Self(place.num))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_asked() {
        let payload = Payload::event(r#"["name","a",{"b":[1]},3]"#, vec![]);
        let (a, b): (String, Value) = payload.args().unwrap();
        assert_eq!((a.as_str(), b), ("a", serde_json::json!({"b": [1]})));
        assert!(payload.args::<(u32,)>().is_err());
        assert!(payload.args::<(String, Value, u8, u8)>().is_err());
        assert_eq!(Payload::ack("[7]", vec![]).args::<(u8,)>().unwrap(), (7,));
    }

    #[test]
    fn bytes_are_found_by_their_place() {
        let payload =
            Payload::event(r#"["name",{"_placeholder":true,"num":0}]"#, vec![Bytes::from_static(b"hello")]);
        let (place,): (Attachment,) = payload.args().unwrap();
        assert_eq!(payload.attachment(place).unwrap().as_ref(), b"hello");
        assert!(payload.attachment(Attachment(1)).is_none());
    }
}
