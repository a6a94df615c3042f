//! The format of `createShardedAdapter`: `{type,data,uid,nsp}`, JSON unless there are bytes in it.
//!
//! | type | | data |
//! |---|---|---|
//! | 1, 2 | a node came, is there | |
//! | 3 | broadcast | `{packet:{type:2,data:[event,…]},requestId?,opts}` |
//! | 4, 5 | join, leave | `{opts,rooms}` |
//! | 6 | disconnect | `{opts,close}` |
//! | 7, 8 | fetch sockets, the answer | `{opts,requestId}`, `{requestId,sockets}` |
//! | 9, 10 | event for servers, the answer | `{requestId?,packet:[event,…]}`, `{requestId,packet}` |
//! | 11, 12 | how many clients were asked, what one acknowledged | `{requestId,clientCount}`, `{requestId,packet}` |
//! | 13 | a node goes | |

use super::{
    Answer, Body, Broadcast, Content, Flags, MAX_ID_BYTES, Malformed, Message, Text,
    json::{Json, Label, Labels},
    opts::{self, RawOpts, rooms},
    sockets::{self, RawSocket},
};
use plaza_socketio::msgpack;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Envelope<'a> {
    r#type: u8,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    uid: Label<'a>,
    #[serde(borrow)]
    nsp: Label<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default, rename = "requestId")]
    request: Option<Label<'a>>,
    #[serde(borrow, default)]
    packet: Option<&'a RawValue>,
    #[serde(borrow, default)]
    opts: Option<RawOpts<'a>>,
    #[serde(default)]
    rooms: Option<Labels>,
    #[serde(default)]
    close: Option<bool>,
    #[serde(default)]
    sockets: Option<Vec<RawSocket>>,
    #[serde(default, rename = "clientCount")]
    clients: Option<u64>,
}

/// What a broadcast's packet is: of type 2, an event.
#[derive(Deserialize)]
pub(super) struct Packet<'a> {
    r#type: u8,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow, default)]
    pub(super) nsp: Option<Label<'a>>,
}

impl<'a> Packet<'a> {
    pub(super) fn event(&self, text: &'a Text<'_>) -> Result<Content<'a>, Malformed> {
        let event = Content::part(self.data, text)?;
        match self.r#type == 2 && event.event_name().is_some() {
            true => Ok(event),
            false => Err(Malformed("no event")),
        }
    }
}

/// Reads a message.
pub fn decode<'a>(text: &'a Text<'_>) -> Result<Message<'a>, Malformed> {
    let Envelope { r#type, data, uid, nsp } = parse(text.json())?;
    let body = match (r#type, data) {
        (1 | 2, _) => Body::Heartbeat { first: r#type == 1 },
        (13, _) => Body::Close,
        (_, Some(data)) => body(r#type, parse(data.get())?, text)?,
        (_, None) => return Err(Malformed("no data")),
    };
    Ok(Message { from: id(uid)?, namespace: Some(nsp.0.into_owned()), body })
}

fn body<'a>(kind: u8, data: Data<'a>, text: &'a Text<'_>) -> Result<Body<'a>, Malformed> {
    let limits = text.limits();
    let request = data.request.map(id).transpose()?;
    if matches!(kind, 8 | 10 | 11 | 12) {
        let request = request.ok_or(NO_REQUEST)?;
        let packet = data.packet.map(|packet| Content::part(packet, text));
        let answer = match kind {
            8 => {
                let sockets = data.sockets.ok_or(Malformed("no sockets"))?;
                Answer::Sockets(
                    sockets.into_iter().map(|socket| socket.read(limits)).collect::<Result<_, _>>()?,
                )
            }
            10 => Answer::Emit(packet.transpose()?),
            11 => Answer::Count(data.clients.ok_or(Malformed("no count"))?),
            _ => Answer::Ack(packet.transpose()?),
        };
        return Ok(Body::Answer { request, answer });
    }
    if kind == 9 {
        let event = Content::part(data.packet.ok_or(NO_PACKET)?, text)?;
        return match event.event_name() {
            Some(_) => Ok(Body::Emit { request, event }),
            None => Err(Malformed("no event")),
        };
    }
    let (target, flags) = data.opts.ok_or(Malformed("no opts"))?.read(limits)?;
    Ok(match kind {
        3 => {
            let packet: Packet<'_> = parse(data.packet.ok_or(NO_PACKET)?.get())?;
            Body::Broadcast(Broadcast { request, target, flags, event: packet.event(text)? })
        }
        4 => Body::Join { target, rooms: rooms(data.rooms.unwrap_or_default(), limits)? },
        5 => Body::Leave { target, rooms: rooms(data.rooms.unwrap_or_default(), limits)? },
        6 => Body::Disconnect { target, close: data.close.unwrap_or_default() },
        7 => Body::Fetch { request: request.ok_or(NO_REQUEST)?, target },
        _ => return Err(Malformed("of no known type")),
    })
}

pub(super) const NO_PACKET: Malformed = Malformed("no packet");
pub(super) const NO_REQUEST: Malformed = Malformed("no request's id");

pub(super) fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(json).map_err(|_| Malformed("not of the shape that it should have"))
}

/// A uid, or a request's id: it becomes part of a channel's name.
pub(super) fn id(Label(id): Label<'_>) -> Result<String, Malformed> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match id.len() <= MAX_ID_BYTES && id.bytes().all(sound) {
        true => Ok(id.into_owned()),
        false => Err(Malformed("an unsound id")),
    }
}

/// Writes a message as this node; `None`: the format cannot say it.
pub fn encode(uid: &str, namespace: &str, body: &Body<'_>) -> Option<Vec<u8>> {
    let mut json = Json::default();
    let attachments = match body {
        Body::Broadcast(Broadcast { event, .. }) | Body::Emit { event, .. } => &*event.attachments,
        Body::Answer { answer: Answer::Emit(Some(content)) | Answer::Ack(Some(content)), .. } => {
            &*content.attachments
        }
        _ => &[],
    };
    json.raw(r#"{"type":"#).value(&kind(body)?);
    if !matches!(body, Body::Heartbeat { .. } | Body::Close) {
        json.raw(r#","data":{"#);
        write(&mut json, body);
        json.raw("}");
    }
    json.raw(r#","uid":"#).value(uid).raw(r#","nsp":"#).value(namespace).raw("}");
    Some(match attachments {
        [] => json.0.into_bytes(),
        attachments => {
            msgpack::from_json(&json.0, &attachments.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }
    })
}

fn kind(body: &Body<'_>) -> Option<u8> {
    Some(match body {
        Body::Heartbeat { first: true } => 1,
        Body::Heartbeat { first: false } => 2,
        Body::Broadcast(_) => 3,
        Body::Join { .. } => 4,
        Body::Leave { .. } => 5,
        Body::Disconnect { .. } => 6,
        Body::Fetch { .. } => 7,
        Body::Answer { answer, .. } => match answer {
            Answer::Sockets(_) => 8,
            Answer::Emit(_) => 10,
            Answer::Count(_) => 11,
            Answer::Ack(_) => 12,
            Answer::Ids(_) | Answer::Rooms(_) | Answer::Done => return None,
        },
        Body::Emit { .. } => 9,
        Body::Close => 13,
        Body::Ids { .. } | Body::Rooms { .. } => return None,
    })
}

/// What stands in `data`.
fn write(json: &mut Json, body: &Body<'_>) {
    let nothing = Flags::default();
    match body {
        Body::Broadcast(Broadcast { request, target, flags, event }) => {
            json.raw(r#""packet":{"type":2,"data":"#).raw(&event.json).raw("},");
            if let Some(request) = request {
                json.raw(r#""requestId":"#).value(request).raw(",");
            }
            json.raw(r#""opts":"#);
            opts::write(json, target, Some(flags));
        }
        Body::Join { target, rooms } | Body::Leave { target, rooms } => {
            json.raw(r#""opts":"#);
            opts::write(json, target, Some(&nothing));
            json.raw(r#","rooms":"#).rooms(rooms);
        }
        Body::Disconnect { target, close } => {
            json.raw(r#""opts":"#);
            opts::write(json, target, Some(&nothing));
            json.raw(r#","close":"#).value(close);
        }
        Body::Fetch { request, target } => {
            json.raw(r#""opts":"#);
            opts::write(json, target, Some(&nothing));
            json.raw(r#","requestId":"#).value(request);
        }
        Body::Emit { request, event } => {
            if let Some(request) = request {
                json.raw(r#""requestId":"#).value(request).raw(",");
            }
            json.raw(r#""packet":"#).raw(&event.json);
        }
        Body::Answer { request, answer } => {
            json.raw(r#""requestId":"#).value(request);
            match answer {
                Answer::Sockets(sockets) => {
                    json.raw(r#","sockets":"#);
                    sockets::write(json, sockets);
                }
                Answer::Count(count) => drop(json.raw(r#","clientCount":"#).value(count)),
                Answer::Emit(Some(content)) | Answer::Ack(Some(content)) => {
                    json.raw(r#","packet":"#).raw(&content.json);
                }
                Answer::Emit(None) | Answer::Ack(None) | Answer::Ids(_) | Answer::Rooms(_) | Answer::Done => {
                }
            }
        }
        Body::Ids { .. } | Body::Rooms { .. } | Body::Heartbeat { .. } | Body::Close => {}
    }
}
