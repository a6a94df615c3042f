//! JSON, put together in the order in which Node has it and read leniently where JavaScript is lenient.

use super::MAX_ROOMS;
use plaza_socketio::Room;
use serde::{
    Deserialize, Serialize,
    de::{Deserializer, Error, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// JSON in the making.
#[derive(Debug, Default)]
pub(super) struct Json(pub(super) String);

impl Json {
    /// Text that is JSON already.
    pub(super) fn raw(&mut self, json: &str) -> &mut Self {
        self.0.push_str(json);
        self
    }

    /// A value that cannot fail to be JSON.
    pub(super) fn value(&mut self, value: &(impl Serialize + ?Sized)) -> &mut Self {
        // Texts, numbers and lists of them always can be written.
        self.0.push_str(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()));
        self
    }

    pub(super) fn rooms(&mut self, rooms: &[Room]) -> &mut Self {
        self.raw("[");
        for (at, room) in rooms.iter().enumerate() {
            if at > 0 {
                self.raw(",");
            }
            self.value(&**room);
        }
        self.raw("]")
    }
}

/// Text, or a number that JavaScript would take for one.
pub(super) struct Label<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Label<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Label<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Label<'de>, E> {
                Ok(Label(text.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Label<'de>, E> {
                Ok(Label(text.to_owned().into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Label<'de>, E> {
                Ok(Label(number.to_string().into()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Label<'de>, E> {
                Ok(Label(number.to_string().into()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Label<'de>, E> {
                Ok(Label(number.to_string().into()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// A list of rooms; more than may be is an error before they are kept.
#[derive(Default)]
pub(super) struct Labels(pub(super) Vec<Room>);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_ROOMS} rooms")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Labels, A::Error> {
                let mut rooms = Vec::new();
                while let Some(Label(name)) = seq.next_element()? {
                    if rooms.len() == MAX_ROOMS {
                        return Err(A::Error::invalid_length(MAX_ROOMS + 1, &self));
                    }
                    rooms.push(Room::from(&*name));
                }
                Ok(Labels(rooms))
            }
        }
        deserializer.deserialize_seq(List)
    }
}
