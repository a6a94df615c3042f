//! The format of `createAdapter`, and of the emitter, which has the uid `emitter` and asks nothing.
//!
//! A broadcast is MessagePack, `[uid,{type:2,data:[event,…],nsp},{rooms,except,flags}]`. Requests and responses are
//! JSON, or MessagePack where they bear an event or an acknowledgement; their namespace is their channel's.
//!
//! | type | request | response |
//! |---|---|---|
//! | 0 | ids of sockets, `{requestId,rooms}` | `{requestId,sockets:[id]}` |
//! | 1 | all rooms, `{requestId}` | `{requestId,rooms}` |
//! | 2, 3 | join, leave: `{opts,rooms}`, or `{requestId,sid,room}` | none, or `{requestId}` |
//! | 4 | disconnect: `{opts,close}`, or `{requestId,sid,close}` | none, or `{requestId}` |
//! | 5 | fetch sockets, `{requestId,opts}` | `{requestId,sockets:[{id,handshake,rooms,data}]}` |
//! | 6 | event for servers, `{requestId?,data:[event,…]}` | `{type,requestId,data}` |
//! | 7 | broadcast with ack, `{requestId,packet,opts}` | |
//! | 8, 9 | | `{type,requestId,clientCount}`, `{type,requestId,packet}` |

use super::{
    Answer, Body, Broadcast, Content, Flags, Malformed, Message, Text,
    json::{Json, Label, Labels},
    opts::{self, RawOpts, rooms},
    sharded::{NO_PACKET, NO_REQUEST, Packet, id, parse},
    sockets::{self, RawSocket},
};
use plaza_socketio::{Room, Target, msgpack};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads what came on the namespace's or a room's channel.
pub fn decode_broadcast<'a>(text: &'a Text<'_>) -> Result<Message<'a>, Malformed> {
    let (uid, packet, options): (Label<'_>, Packet<'_>, RawOpts<'_>) = parse(text.json())?;
    let event = packet.event(text)?;
    let (target, flags) = options.read(text.limits())?;
    let namespace = packet.nsp.map_or_else(|| "/".to_owned(), |Label(name)| name.into_owned());
    let body = Body::Broadcast(Broadcast { request: None, target, flags, event });
    Ok(Message { from: id(uid)?, namespace: Some(namespace), body })
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    uid: Option<Label<'a>>,
    #[serde(borrow, default, rename = "requestId")]
    request: Option<Label<'a>>,
    r#type: u8,
    #[serde(borrow, default)]
    opts: Option<RawOpts<'a>>,
    #[serde(default)]
    rooms: Option<Labels>,
    #[serde(default)]
    close: Option<bool>,
    #[serde(borrow, default)]
    sid: Option<Label<'a>>,
    #[serde(borrow, default)]
    room: Option<Label<'a>>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    packet: Option<Packet<'a>>,
}

/// Reads what came on the channel of requests.
pub fn decode_request<'a>(text: &'a Text<'_>) -> Result<Message<'a>, Malformed> {
    let limits = text.limits();
    let raw: Request<'_> = parse(text.json())?;
    let from = raw.uid.map(id).transpose()?.unwrap_or_default();
    let request = raw.request.map(id).transpose()?;
    let one = |Label(name): Label<'_>| rooms(Labels(vec![Room::from(&*name)]), limits);
    // Newer nodes say whom by options, older ones name a socket.
    let (target, flags) = match (raw.opts, raw.sid) {
        (Some(opts), _) => opts.read(limits)?,
        (None, Some(sid)) => (Target { rooms: one(sid)?, except: Vec::new() }, Flags::default()),
        (None, None) => (Target::default(), Flags::default()),
    };
    let listed = raw.rooms.map(|listed| rooms(listed, limits)).transpose()?;
    let named = |needed: bool| match (listed.clone(), raw.room) {
        (Some(listed), _) => Ok(listed),
        (None, Some(room)) => one(room),
        (None, None) if needed => Err(Malformed("no rooms")),
        (None, None) => Ok(Vec::new()),
    };
    let body = match raw.r#type {
        0 => {
            let target = Target { rooms: named(false)?, except: Vec::new() };
            Body::Ids { request: request.ok_or(NO_REQUEST)?, target }
        }
        1 => Body::Rooms { request: request.ok_or(NO_REQUEST)? },
        2 => Body::Join { target, rooms: named(true)? },
        3 => Body::Leave { target, rooms: named(true)? },
        4 => Body::Disconnect { target, close: raw.close.unwrap_or_default() },
        5 => Body::Fetch { request: request.ok_or(NO_REQUEST)?, target },
        6 => {
            let event = Content::part(raw.data.ok_or(NO_PACKET)?, text)?;
            event.event_name().ok_or(Malformed("no event"))?;
            Body::Emit { request, event }
        }
        7 => {
            let event = raw.packet.ok_or(NO_PACKET)?.event(text)?;
            let request = Some(request.ok_or(NO_REQUEST)?);
            Body::Broadcast(Broadcast { request, target, flags, event })
        }
        _ => return Err(Malformed("of no known type")),
    };
    Ok(Message { from, namespace: None, body })
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, rename = "requestId")]
    request: Label<'a>,
    #[serde(default)]
    r#type: Option<u8>,
    #[serde(borrow, default)]
    sockets: Option<&'a RawValue>,
    #[serde(default)]
    rooms: Option<Labels>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default, rename = "clientCount")]
    clients: Option<u64>,
    #[serde(borrow, default)]
    packet: Option<&'a RawValue>,
}

/// Reads what came on the channels of responses. It does not say who answers.
pub fn decode_response<'a>(text: &'a Text<'_>) -> Result<Message<'a>, Malformed> {
    let limits = text.limits();
    let raw: Response<'_> = parse(text.json())?;
    let content = |raw: Option<&'a RawValue>| raw.map(|raw| Content::part(raw, text)).transpose();
    let answer = match (raw.r#type, raw.sockets, raw.rooms) {
        (Some(6), ..) => Answer::Emit(content(raw.data)?),
        (Some(8), ..) => Answer::Count(raw.clients.ok_or(Malformed("no count"))?),
        (Some(9), ..) => Answer::Ack(content(raw.packet)?),
        (_, Some(sockets), _) => match serde_json::from_str::<Labels>(sockets.get()) {
            Ok(Labels(ids)) if !ids.is_empty() => Answer::Ids(ids.iter().map(ToString::to_string).collect()),
            _ => {
                let sockets: Vec<RawSocket> = parse(sockets.get())?;
                Answer::Sockets(
                    sockets.into_iter().map(|socket| socket.read(limits)).collect::<Result<_, _>>()?,
                )
            }
        },
        (_, None, Some(listed)) => Answer::Rooms(rooms(listed, limits)?),
        (_, None, None) => Answer::Done,
    };
    let body = Body::Answer { request: id(raw.request)?, answer };
    Ok(Message { from: String::new(), namespace: None, body })
}

/// Writes a message as this node; `None`: the format cannot say it.
pub fn encode(uid: &str, namespace: &str, body: &Body<'_>) -> Option<Vec<u8>> {
    let mut json = Json::default();
    // Whether it is MessagePack though there may be no bytes in it.
    let mut packed = false;
    let mut attachments: &[bytes::Bytes] = &[];
    match body {
        Body::Broadcast(Broadcast { request, target, flags, event }) => {
            (packed, attachments) = (true, &event.attachments);
            let packet = |json: &mut Json| {
                json.raw(r#"{"type":2,"data":"#).raw(&event.json);
                json.raw(r#","nsp":"#).value(namespace).raw("},");
            };
            if let Some(request) = request {
                begin(&mut json, uid, Some(request), 7);
                json.raw(r#","packet":"#);
                packet(&mut json);
                json.raw(r#""opts":"#);
                opts::write(&mut json, target, Some(flags));
                json.raw("}");
            } else {
                json.raw("[").value(uid).raw(",");
                packet(&mut json);
                opts::write(&mut json, target, Some(flags));
                json.raw("]");
            }
        }
        Body::Answer { request, answer } => {
            if let Answer::Ack(content) = answer {
                packed = true;
                if let Some(content) = content {
                    attachments = &content.attachments;
                }
            } else if let Answer::Emit(Some(content)) = answer {
                attachments = &content.attachments;
            }
            respond(&mut json, request, answer);
        }
        Body::Emit { event, .. } => {
            attachments = &event.attachments;
            ask(&mut json, uid, body)?;
        }
        _ => ask(&mut json, uid, body)?,
    }
    Some(match packed || !attachments.is_empty() {
        false => json.0.into_bytes(),
        true => msgpack::from_json(&json.0, &attachments.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
    })
}

fn begin(json: &mut Json, uid: &str, request: Option<&String>, kind: u8) {
    json.raw(r#"{"uid":"#).value(uid);
    if let Some(request) = request {
        json.raw(r#","requestId":"#).value(request);
    }
    json.raw(r#","type":"#).value(&kind);
}

/// A request other than a broadcast.
fn ask(json: &mut Json, uid: &str, body: &Body<'_>) -> Option<()> {
    let mut say = |request, kind, target: Option<&Target>| {
        begin(json, uid, request, kind);
        if let Some(target) = target {
            json.raw(r#","opts":"#);
            opts::write(json, target, None);
        }
    };
    match body {
        Body::Join { target, rooms } | Body::Leave { target, rooms } => {
            say(None, if matches!(body, Body::Join { .. }) { 2 } else { 3 }, Some(target));
            json.raw(r#","rooms":"#).rooms(rooms);
        }
        Body::Disconnect { target, close } => {
            say(None, 4, Some(target));
            json.raw(r#","close":"#).value(close);
        }
        Body::Fetch { request, target } => say(Some(request), 5, Some(target)),
        Body::Ids { request, target } => {
            say(Some(request), 0, None);
            json.raw(r#","rooms":"#).rooms(&target.rooms);
        }
        Body::Rooms { request } => say(Some(request), 1, None),
        Body::Emit { request, event } => {
            say(request.as_ref(), 6, None);
            json.raw(r#","data":"#).raw(&event.json);
        }
        Body::Broadcast(_) | Body::Answer { .. } | Body::Heartbeat { .. } | Body::Close => return None,
    }
    json.raw("}");
    Some(())
}

fn respond(json: &mut Json, request: &str, answer: &Answer<'_>) {
    let kind = match answer {
        Answer::Emit(_) => Some(6),
        Answer::Count(_) => Some(8),
        Answer::Ack(_) => Some(9),
        Answer::Sockets(_) | Answer::Ids(_) | Answer::Rooms(_) | Answer::Done => None,
    };
    json.raw("{");
    if let Some(kind) = kind {
        json.raw(r#""type":"#).value(&kind).raw(",");
    }
    json.raw(r#""requestId":"#).value(request);
    match answer {
        Answer::Sockets(sockets) => {
            json.raw(r#","sockets":"#);
            sockets::write(json, sockets);
        }
        Answer::Ids(ids) => drop(json.raw(r#","sockets":"#).value(ids)),
        Answer::Rooms(rooms) => drop(json.raw(r#","rooms":"#).rooms(rooms)),
        Answer::Emit(Some(content)) => drop(json.raw(r#","data":"#).raw(&content.json)),
        Answer::Count(count) => drop(json.raw(r#","clientCount":"#).value(count)),
        Answer::Ack(Some(content)) => drop(json.raw(r#","packet":"#).raw(&content.json)),
        Answer::Emit(None) | Answer::Ack(None) | Answer::Done => {}
    }
    json.raw("}");
}
