//! What Zalo tells, as messages of our kinds.

use plaza_protocol::{
    AudioBody, Content, FileBody, HttpsUrl, ImageBody, Latitude, LocationBody, Longitude, TextBody, ZaloBody,
    ZaloUser,
};
use serde::Deserialize;
use serde_json::Value;

/// Most attachments of one message that are passed on.
const MOST: usize = 10;

/// One event, as much of it as is of use. Numbers come as text or as numbers.
#[derive(Debug, Deserialize)]
struct Told {
    event_name: String,
    app_id: Value,
    timestamp: Value,
    sender: Option<Person>,
    follower: Option<Person>,
    message: Option<Said>,
}

#[derive(Debug, Deserialize)]
struct Person {
    id: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Said {
    msg_id: Option<String>,
    text: Option<String>,
    #[serde(default)]
    attachments: Vec<Attachment>,
}

#[derive(Debug, Deserialize)]
struct Attachment {
    #[serde(default)]
    payload: Payload,
}

#[derive(Debug, Default, Deserialize)]
struct Payload {
    url: Option<String>,
    name: Option<String>,
    size: Option<Value>,
    #[serde(rename = "type")]
    media_type: Option<String>,
    coordinates: Option<Coordinates>,
}

#[derive(Debug, Deserialize)]
struct Coordinates {
    latitude: Value,
    longitude: Value,
}

/// What a request says, before it is known whether it is Zalo's.
pub(crate) struct Incoming {
    told: Told,
}

/// Reads one.
pub(crate) fn incoming(body: &[u8]) -> Option<Incoming> {
    Some(Incoming { told: serde_json::from_slice(body).ok()? })
}

impl Incoming {
    pub(crate) fn app_id(&self) -> String {
        plain(&self.told.app_id)
    }

    /// As it is signed.
    pub(crate) fn timestamp(&self) -> String {
        plain(&self.told.timestamp)
    }

    /// Who it is of.
    pub(crate) fn person(&self) -> Option<ZaloUser> {
        let person = self.told.sender.as_ref().or(self.told.follower.as_ref())?;
        plain(&person.id).try_into().ok()
    }

    /// What is to be written for it, each with a name by which it is known again. Nothing for what the account itself
    /// did, and for what is no news to a room, such as that something was seen.
    pub(crate) fn messages(&self) -> Vec<(String, Content)> {
        let event = self.told.event_name.as_str();
        if !event.starts_with("user_send_") && !matches!(event, "follow" | "unfollow") {
            return Vec::new();
        }
        let nothing = Said::default();
        let said = self.told.message.as_ref().unwrap_or(&nothing);
        let name = said.msg_id.clone().unwrap_or_else(|| format!("{event} {}", self.timestamp()));
        let attachments: Vec<_> = said.attachments.iter().take(MOST).map(Some).collect();
        let each = if attachments.is_empty() { vec![None] } else { attachments };
        let contents = each.into_iter().map(|attachment| {
            let attachment = attachment.map(|attachment| &attachment.payload);
            content(event, said, attachment)
                .filter(|content| content.check().is_ok())
                .or_else(|| other(event, said, attachment))
        });
        contents.flatten().enumerate().map(|(index, content)| (format!("{name}.{index}"), content)).collect()
    }
}

/// In our own kinds, where there is one for it.
fn content(event: &str, said: &Said, attachment: Option<&Payload>) -> Option<Content> {
    let text = || said.text.clone().filter(|text| !text.trim().is_empty());
    let url = || attachment?.url.clone()?.try_into().ok();
    match event {
        "user_send_text" => Some(TextBody { text: text()? }.into()),
        "user_send_image" => {
            let body =
                ImageBody { image_url: url()?, caption: text(), width: None, height: None, file_size: None };
            Some(body.into())
        }
        "user_send_file" => {
            let file = attachment?;
            let body = FileBody {
                file_url: url()?,
                file_name: file.name.clone()?,
                file_size: file.size.as_ref().and_then(|size| plain(size).parse().ok()),
                file_type: file.media_type.clone().filter(|named| named.contains('/')),
            };
            Some(body.into())
        }
        "user_send_location" => {
            let place = attachment?.coordinates.as_ref()?;
            let latitude = Latitude::try_from(plain(&place.latitude).parse::<f64>().ok()?).ok()?;
            let longitude = Longitude::try_from(plain(&place.longitude).parse::<f64>().ok()?).ok()?;
            Some(LocationBody { latitude, longitude, address: text() }.into())
        }
        "user_send_audio" => Some(AudioBody { audio_url: url()?, duration: None }.into()),
        _ => None,
    }
}

/// As it was told, with what of it can be shown.
fn other(event: &str, said: &Said, attachment: Option<&Payload>) -> Option<Content> {
    let url = || HttpsUrl::try_from(attachment?.url.clone()?).ok();
    let text = said.text.clone().filter(|text| !text.trim().is_empty() && text.len() <= TextBody::MAX_BYTES);
    let body = ZaloBody { event: Some(event.to_owned()), to: None, text, url: url() };
    let content = Content::from(body);
    content.check().is_ok().then_some(content)
}

/// Text as it is, a number as text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(event: &str, message: &Value) -> Incoming {
        let event = json!({
            "event_name": event, "app_id": "102719276611582260", "sender": {"id": "8309393969855402319"},
            "recipient": {"id": "1423847451268726170"}, "message": message, "timestamp": "1751100041636",
            "user_id_by_app": "7300442764876318465",
        });
        incoming(event.to_string().as_bytes()).unwrap()
    }

    fn one(event: &str, message: &Value) -> Value {
        let messages = told(event, message).messages();
        assert_eq!(messages.len(), 1, "{event}");
        assert_eq!(messages[0].1.check(), Ok(()), "{event}");
        serde_json::to_value(&messages[0].1).unwrap()
    }

    fn with(payload: &Value) -> Value {
        json!({"msg_id": "b8de7d84fa1b3043690c", "text": "Saigon", "attachments": [{"type": "x", "payload": payload}]})
    }

    #[test]
    fn events_become_messages_of_our_kinds() {
        let url = "https://example.org/a";
        assert_eq!(
            one("user_send_text", &json!({"msg_id": "m", "text": "Chào"})),
            json!({"kind": "text", "body": {"text": "Chào"}})
        );
        assert_eq!(
            one("user_send_image", &with(&json!({"url": url, "thumbnail": url}))),
            json!({"kind": "image", "body": {"imageUrl": url, "caption": "Saigon"}})
        );
        assert_eq!(
            one(
                "user_send_file",
                &with(&json!({"url": url, "name": "a.pdf", "size": "17", "type": "pdf", "checksum": "c"}))
            ),
            json!({"kind": "file", "body": {"fileUrl": url, "fileName": "a.pdf", "fileSize": 17}})
        );
        assert_eq!(
            one(
                "user_send_location",
                &with(&json!({"coordinates": {"latitude": "10.7923119", "longitude": "106.7820651"}}))
            ),
            json!({"kind": "location", "body": {"latitude": 10.7923119, "longitude": 106.7820651, "address": "Saigon"}})
        );
        assert_eq!(
            one("user_send_audio", &with(&json!({"url": url}))),
            json!({"kind": "audio", "body": {"audioUrl": url}})
        );
        assert_eq!(
            one("user_send_sticker", &with(&json!({"id": "7", "url": url}))),
            json!({"kind": "zalo", "body": {"event": "user_send_sticker", "text": "Saigon", "url": url}})
        );
    }

    #[test]
    fn what_does_not_fit_its_kind_is_told_without_what_does_not() {
        for (event, message) in [
            ("user_send_image", &with(&json!({"url": "http://example.org/a"}))),
            ("user_send_image", &with(&json!({}))),
            ("user_send_file", &with(&json!({"url": "https://example.org/a"}))),
            ("user_send_location", &with(&json!({"coordinates": {"latitude": "north", "longitude": "1"}}))),
            ("user_send_location", &with(&json!({"coordinates": {"latitude": 91, "longitude": 1}}))),
            ("user_send_text", &json!({"msg_id": "m", "text": "x".repeat(9_000)})),
        ] {
            assert_eq!(one(event, message)["kind"], "zalo", "{event}");
        }
    }

    #[test]
    fn several_attachments_are_several_messages_and_echoes_are_none() {
        let attachment = json!({"payload": {"url": "https://example.org/a"}});
        let message = json!({"msg_id": "m", "attachments": vec![attachment; 12]});
        let messages = told("user_send_image", &message).messages();
        let names: Vec<_> = messages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names.len(), names[0], names[9]), (MOST, "m.0", "m.9"));
        for event in ["oa_send_text", "user_seen_message", "user_received_message", "change_oa_daily_quota"] {
            assert!(told(event, &message).messages().is_empty(), "{event}");
        }
        assert!(incoming(b"{}").is_none() && incoming(b"[").is_none());
    }
}
