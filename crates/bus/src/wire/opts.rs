//! Whom a message is for, and how: what Node calls its options.

use super::{
    Limits, Malformed,
    json::{Json, Labels},
};
use plaza_socketio::{Room, Target};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, time::Duration};

/// How something is broadcast.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags<'a> {
    /// Not to those who could not have it at once.
    pub volatile: bool,
    /// How long acknowledgements are waited for.
    pub timeout: Option<Duration>,
    /// What Plaza adds to an event of its own, as JSON; Node passes it over. From outside anybody may have written it.
    pub plaza: Option<Cow<'a, str>>,
}

/// Options as they came.
#[derive(Deserialize)]
pub(super) struct RawOpts<'a> {
    #[serde(default)]
    rooms: Option<Labels>,
    #[serde(default)]
    except: Option<Labels>,
    #[serde(borrow, default)]
    flags: Option<RawFlags<'a>>,
}

#[derive(Deserialize, Default)]
struct RawFlags<'a> {
    #[serde(default)]
    volatile: Option<bool>,
    /// Milliseconds.
    #[serde(default)]
    timeout: Option<f64>,
    #[serde(borrow, default)]
    plaza: Option<&'a RawValue>,
}

impl<'a> RawOpts<'a> {
    pub(super) fn read(self, limits: &Limits) -> Result<(Target, Flags<'a>), Malformed> {
        let target = Target {
            rooms: rooms(self.rooms.unwrap_or_default(), limits)?,
            except: rooms(self.except.unwrap_or_default(), limits)?,
        };
        let RawFlags { volatile, timeout, plaza } = self.flags.unwrap_or_default();
        let flags = Flags {
            volatile: volatile.unwrap_or_default(),
            timeout: timeout.map(milliseconds),
            plaza: plaza.map(|plaza| plaza.get().into()),
        };
        Ok((target, flags))
    }
}

/// Any number of milliseconds, at most a day.
fn milliseconds(number: f64) -> Duration {
    const DAY: f64 = 86_400_000.0;
    // What is no number becomes 0.
    Duration::from_millis(number.clamp(0.0, DAY) as u64)
}

/// Rooms as they came, bounded.
pub(super) fn rooms(Labels(rooms): Labels, limits: &Limits) -> Result<Vec<Room>, Malformed> {
    match rooms.iter().any(|room| room.len() > limits.room_bytes) {
        true => Err(Malformed("a room's name that is too long")),
        false => Ok(rooms),
    }
}

/// `{rooms,except,flags}`; the classic format's requests have no flags.
pub(super) fn write(json: &mut Json, target: &Target, flags: Option<&Flags<'_>>) {
    json.raw(r#"{"rooms":"#).rooms(&target.rooms).raw(r#","except":"#).rooms(&target.except);
    if let Some(flags) = flags {
        json.raw(r#","flags":{"#);
        let mut comma = "";
        if flags.volatile {
            json.raw(r#""volatile":true"#);
            comma = ",";
        }
        if let Some(timeout) = flags.timeout {
            json.raw(comma).raw(r#""timeout":"#).value(&(timeout.as_millis() as u64));
            comma = ",";
        }
        if let Some(plaza) = &flags.plaza {
            json.raw(comma).raw(r#""plaza":"#).raw(plaza);
        }
        json.raw("}");
    }
    json.raw("}");
}
