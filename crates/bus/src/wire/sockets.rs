//! Sockets in the shape in which Node tells of them.
//!
//! Node's code reads `socket.handshake.headers` without asking whether it is there, so what Plaza did not keep is told
//! as empty and not left out. What Node tells is read for what [`SocketInfo`] has; `auth` and cookies are let go of.

use super::{
    Limits, Malformed,
    content::without_places,
    json::{Json, Labels},
    opts::rooms,
};
use plaza_socketio::{Handshake, Room, SocketId, SocketInfo};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Most pairs that are kept of a handshake's headers, and of its query.
const MOST_PAIRS: usize = 100;
/// Headers that tell secrets.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

#[derive(Deserialize)]
pub(super) struct RawSocket {
    id: SocketId,
    #[serde(default)]
    handshake: Option<Value>,
    #[serde(default)]
    rooms: Labels,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct RawHandshake {
    #[serde(default)]
    address: Option<Value>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    url: Option<Value>,
    #[serde(default)]
    query: Map<String, Value>,
    #[serde(default)]
    xdomain: Option<bool>,
    #[serde(default)]
    secure: Option<bool>,
}

impl RawSocket {
    pub(super) fn read(self, limits: &Limits) -> Result<SocketInfo, Malformed> {
        let rooms = rooms(self.rooms, limits)?;
        let id = self.id;
        let mut data = self.data;
        without_places(&mut data);
        Ok(SocketInfo {
            id,
            handshake: self
                .handshake
                .and_then(|raw| serde_json::from_value::<RawHandshake>(raw).ok())
                .map(Handshake::from),
            rooms: rooms.iter().filter(|room| ***room != *id.as_str()).map(ToString::to_string).collect(),
            data,
        })
    }
}

impl From<RawHandshake> for Handshake {
    fn from(raw: RawHandshake) -> Self {
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        let pairs = |map: Map<String, Value>| -> BTreeMap<String, String> {
            map.into_iter()
                .filter(|(name, _)| !SECRET.contains(&&*name.to_ascii_lowercase()))
                .filter_map(|(name, value)| Some((name, text(value)?)))
                .take(MOST_PAIRS)
                .collect()
        };
        Self {
            address: raw.address.and_then(text),
            headers: pairs(raw.headers),
            url: raw.url.and_then(text).unwrap_or_default(),
            query: pairs(raw.query),
            xdomain: raw.xdomain.unwrap_or_default(),
            secure: raw.secure.unwrap_or_default(),
        }
    }
}

/// A list of sockets, each with its own id first among its rooms, as Node has it.
pub(super) fn write(json: &mut Json, sockets: &[SocketInfo]) {
    let nothing = Handshake::default();
    json.raw("[");
    for (at, socket) in sockets.iter().enumerate() {
        if at > 0 {
            json.raw(",");
        }
        let handshake = socket.handshake.as_ref().unwrap_or(&nothing);
        let rooms: Vec<Room> = std::iter::once(Room::from(socket.id.as_str()))
            .chain(socket.rooms.iter().map(|room| Room::from(room.as_str())))
            .collect();
        let data = match &socket.data {
            Value::Null => &json!({}),
            data => data,
        };
        json.raw(r#"{"id":"#).value(&socket.id).raw(r#","handshake":"#);
        write_handshake(json, handshake);
        json.raw(r#","rooms":"#).rooms(&rooms).raw(r#","data":"#).value(data).raw("}");
    }
    json.raw("]");
}

/// All fields that Node's handshake has, in its order. When it was, nobody noted.
fn write_handshake(json: &mut Json, handshake: &Handshake) {
    json.raw(r#"{"headers":"#).value(&handshake.headers);
    json.raw(r#","time":"","address":"#).value(handshake.address.as_deref().unwrap_or_default());
    json.raw(r#","xdomain":"#).value(&handshake.xdomain).raw(r#","secure":"#).value(&handshake.secure);
    json.raw(r#","issued":0,"url":"#).value(&handshake.url).raw(r#","query":"#).value(&handshake.query);
    json.raw(r#","auth":{}}"#);
}
