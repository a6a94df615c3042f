//! What happens, as sentences.

use super::style::{Style, safe};
use plaza_protocol::{
    Content, Event, PresenceEvent, PresenceList, Reload, Role, RoomKind, RoomSummary, RoomsPage, User,
};

/// An event in words, as the console has always said it.
pub(super) fn sentence(event: &Event, room: &str) -> String {
    let room = safe(room);
    match event {
        Event::Message(message) => format!("Message from {room} ==> {}", said(&message.content)),
        Event::MemberAdded(change) => format!("Member {} was added to room {room}", safe(&change.user.name)),
        Event::MemberRemoved(change) => {
            format!("Member {} was removed from room {room}", safe(&change.user.name))
        }
        Event::MemberChanged(change) => {
            format!("Member {} is now {} of room {room}", safe(&change.user.name), change.role.as_str())
        }
        Event::MemberBanned(change) => format!("{} was banned from room {room}", safe(&change.user.name)),
        Event::MemberUnbanned(change) => {
            format!("{} may come back into room {room}", safe(&change.user.name))
        }
        Event::RoomChanged(change) => match &change.name {
            Some(name) => format!("Room {room} is now called {}", safe(name)),
            None => format!("Room {room} was changed"),
        },
    }
}

/// What a message says, on one line but for a text's own.
fn said(content: &Content) -> String {
    let with = |more: &Option<String>| more.as_ref().map_or(String::new(), |more| format!("{} ", safe(more)));
    match content {
        Content::Text(body) => safe(&body.text),
        Content::Image(body) => format!("[image] {}{}", with(&body.caption), body.image_url),
        Content::File(body) => {
            let size = body.file_size.map_or(String::new(), |size| format!(" ({size} bytes)"));
            format!("[file] {}{size} {}", safe(&body.file_name), body.file_url)
        }
        Content::Location(body) => {
            let (north, east) = (body.latitude.get(), body.longitude.get());
            format!("[location] {}{north}, {east}", with(&body.address))
        }
        Content::Audio(body) => {
            let length = body.duration.map_or(String::new(), |length| format!("{} s ", length.get()));
            format!("[audio] {length}{}", body.audio_url)
        }
        Content::Zalo(body) => {
            let what = match (&body.event, &body.to) {
                (Some(event), _) => format!("[zalo {event}] "),
                (None, Some(to)) => format!("[to zalo {}] ", to.as_str()),
                (None, None) => "[zalo] ".to_owned(),
            };
            let url = body.url.as_ref().map_or("", |url| url.as_str());
            format!("{what}{}{url}", with(&body.text)).trim_end().to_owned()
        }
    }
}

/// The line of an event that has just come: the time and who in front, then its sentence.
pub(super) fn line(style: &Style, event: &Event, room: &str) -> String {
    stamped(style, &style.time(event.at()), event, room)
}

/// The line of an event of any day.
pub(super) fn past_line(style: &Style, event: &Event, room: &str) -> String {
    stamped(style, &style.date_and_time(event.at()), event, room)
}

fn stamped(style: &Style, at: &str, event: &Event, room: &str) -> String {
    let sentence = sentence(event, room);
    match event {
        Event::Message(message) => {
            let name = style.name(&safe(&message.sender.name));
            let mark = if message.sender.is_webhook() { style.dim(" (webhook)") } else { String::new() };
            format!("{} {name}{mark}: {sentence}", style.dim(at))
        }
        Event::MemberAdded(change)
        | Event::MemberRemoved(change)
        | Event::MemberBanned(change)
        | Event::MemberUnbanned(change) => {
            let by = (change.by.id != change.user.id).then_some(&change.by);
            notice(style, at, &sentence, by)
        }
        Event::MemberChanged(change) => notice(style, at, &sentence, Some(&change.by)),
        Event::RoomChanged(change) => notice(style, at, &sentence, Some(&change.by)),
    }
}

/// Something that was done, and by whom.
fn notice(style: &Style, at: &str, sentence: &str, by: Option<&User>) -> String {
    let by = by.map_or(String::new(), |by| style.dim(&format!(" by {}", safe(&by.name))));
    format!("{} {}{by}", style.dim(at), style.good(sentence))
}

/// The lines of `rooms`.
pub(super) fn rooms(style: &Style, rooms: &[RoomSummary]) -> Vec<String> {
    if rooms.is_empty() {
        return vec!["You are in no room yet: createChat NAME, or join ROOM.".to_owned()];
    }
    let names: Vec<String> = rooms.iter().map(|room| safe(&room.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let lines = rooms.iter().zip(&names).map(|(room, name)| {
        let unread = match room.unread {
            0 => String::new(),
            unread => format!(" {unread} unread"),
        };
        let kind = match room.kind {
            RoomKind::Public => "public",
            RoomKind::Group => "group",
            RoomKind::Direct => "direct",
        };
        let owner = if room.role == Role::Owner { ", yours" } else { "" };
        format!("  {name:<width$}  {}{unread}", style.dim(&format!("{} ({kind}{owner})", room.id)))
    });
    lines.collect()
}

/// Why a room had to be reloaded, and what to do.
pub(super) fn reloaded(room: &str, reason: Reload) -> String {
    let room = safe(room);
    match reason {
        Reload::Unknown => format!("You are no member of {room} any more."),
        Reload::TooFar => format!(
            "Reloaded {room}: more than {} events were missed. What is missing here is in: history {}",
            Reload::MAX_MISSED,
            super::words::quoted(&room)
        ),
        Reload::Trimmed => format!("Reloaded {room}: what came next there is kept no longer."),
        Reload::Epoch => format!("Reloaded {room}: the server's data was replaced."),
    }
}

/// Somebody came or went.
pub(super) fn presence(style: &Style, presence: &PresenceEvent) -> String {
    let name = safe(&presence.user.name);
    if presence.online {
        style.good(&format!("User {name} is online now"))
    } else {
        style.notice(&format!("User {name} is offline now"))
    }
}

/// How those are who are watched from now on.
pub(super) fn watched(style: &Style, list: &PresenceList) -> Vec<String> {
    let online = list.online.iter().map(|user| style.good(&format!("User {} is online", safe(&user.name))));
    let offline = list.offline.iter().map(|seen| {
        let since = seen
            .last_seen
            .map_or(String::new(), |at| style.dim(&format!(", last seen {}", style.date_and_time(at))));
        format!("User {} is offline{since}", safe(&seen.user.name))
    });
    online.chain(offline).collect()
}

/// The lines of `discover`.
pub(super) fn discovered(style: &Style, page: &RoomsPage) -> Vec<String> {
    if page.rooms.is_empty() {
        return vec!["There is no such public room. Join one by its id, and it may be made.".to_owned()];
    }
    let lines = page.rooms.iter().map(|room| {
        let joined = if room.joined { ", yours" } else { "" };
        let people =
            if room.members == 1 { "1 member".to_owned() } else { format!("{} members", room.members) };
        format!("  {}  {}", safe(&room.name), style.dim(&format!("{} ({people}{joined})", room.id)))
    });
    let more = page.next.is_some().then(|| "There are more: say what the name has in it.".to_owned());
    lines.chain(more).collect()
}

/// What came of a connection that was away.
pub(super) fn resumed(missed: u64, reloaded: usize) -> String {
    match (missed, reloaded) {
        (0, 0) => "Connected again. Nothing was missed.".to_owned(),
        (1, 0) => "Connected again. The one event that was missed is shown above.".to_owned(),
        (missed, 0) => format!("Connected again. The {missed} events that were missed are shown above."),
        (_, 1) => "Connected again. One room was reloaded, see above.".to_owned(),
        (_, rooms) => format!("Connected again. {rooms} rooms were reloaded, see above."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use plaza_protocol::{MemberChange, Message, TextBody, Timestamp, User};
    use serde_json::json;

    fn user(name: &str) -> User {
        User { id: format!("u_{name}").parse().unwrap(), name: name.into(), guest: true }
    }

    fn message(text: &str) -> Event {
        Event::Message(Message {
            room_id: "g_1".parse().unwrap(),
            seq: 2,
            id: "m_1".into(),
            client_id: "c".parse().unwrap(),
            sender: user("Simon"),
            content: Content::Text(TextBody { text: text.into() }),
            at: Timestamp::from_millis(0),
        })
    }

    #[test]
    fn events_are_said_as_they_always_were() {
        let change = MemberChange {
            room_id: "g_1".parse().unwrap(),
            seq: 1,
            user: user("Fedir"),
            by: user("Simon"),
            at: Timestamp::from_millis(0),
        };
        let plain = Style::choose(false, |_| None, TimeZone::UTC);
        for (event, line) in [
            (message("Hi Fedir"), "00:00 Simon: Message from First chat ==> Hi Fedir"),
            (Event::MemberAdded(change.clone()), "00:00 Member Fedir was added to room First chat by Simon"),
            (Event::MemberRemoved(change), "00:00 Member Fedir was removed from room First chat by Simon"),
        ] {
            assert_eq!(super::line(&plain, &event, "First chat"), line);
            let dated = format!("1970-01-01 {line}");
            assert_eq!(past_line(&plain, &event, "First chat"), dated);
        }
    }

    #[test]
    fn each_kind_has_a_line_and_a_webhook_its_mark() {
        let plain = Style::choose(false, |_| None, TimeZone::UTC);
        let said = |content: serde_json::Value| {
            let Event::Message(mut message) = message("") else { panic!("a message") };
            message.content = serde_json::from_value(content).unwrap();
            message.sender.id = "w_1".parse().unwrap();
            let shown = line(&plain, &Event::Message(message), "hall");
            shown.strip_prefix("00:00 Simon (webhook): Message from hall ==> ").unwrap().to_owned()
        };
        for (kind, body, expected) in [
            ("image", json!({"imageUrl": "https://a/b", "caption": "A cat"}), "[image] A cat https://a/b"),
            (
                "file",
                json!({"fileUrl": "https://a/b", "fileName": "c.pdf", "fileSize": 7}),
                "[file] c.pdf (7 bytes) https://a/b",
            ),
            ("location", json!({"latitude": 1.5, "longitude": -2.0}), "[location] 1.5, -2"),
            ("audio", json!({"audioUrl": "https://a/b", "duration": 1.5}), "[audio] 1.5 s https://a/b"),
            ("zalo", json!({"event": "follow"}), "[zalo follow]"),
            ("zalo", json!({"to": "7", "text": "Hi"}), "[to zalo 7] Hi"),
        ] {
            assert_eq!(said(json!({"kind": kind, "body": body})), expected);
        }
    }

    #[test]
    fn neither_text_nor_names_reach_the_terminal_raw() {
        let plain = Style::choose(false, |_| None, TimeZone::UTC);
        let line = line(&plain, &message("\x1b]0;owned\x07\nfake line"), "a\rb");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}
