//! Fractions in messages. They are kept as whole numbers of a small unit, so that what is stored and read again is the
//! same as what came, and a repeat is known as one.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::borrow::Cow;

macro_rules! fraction {
    ($(#[$doc:meta])* $name:ident($whole:ty), $per_one:literal, $least:literal..=$most:literal, $refused:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name($whole);

        impl $name {
            /// As a number.
            pub fn get(self) -> f64 {
                self.0 as f64 / $per_one
            }
        }

        impl TryFrom<f64> for $name {
            type Error = &'static str;
            fn try_from(number: f64) -> Result<Self, Self::Error> {
                // What is no number is in no range.
                if !($least..=$most).contains(&number) {
                    return Err($refused);
                }
                Ok(Self((number * $per_one).round() as $whole))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_f64(self.get())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(f64::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "number", "minimum": $least, "maximum": $most, "description": $refused})
            }
        }
    };
}

fraction! {
    /// Degrees north of the equator, to a ten-millionth, which is a centimetre.
    Latitude(i32), 1e7, -90.0..=90.0, "A latitude is a number from -90 to 90."
}
fraction! {
    /// Degrees east of Greenwich, to a ten-millionth, which is a centimetre at most.
    Longitude(i32), 1e7, -180.0..=180.0, "A longitude is a number from -180 to 180."
}
fraction! {
    /// Seconds, to a thousandth, of a day at most.
    Seconds(u32), 1e3, 0.0..=86400.0, "A duration is a number of seconds from 0 to 86400."
}
