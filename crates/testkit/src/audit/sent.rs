//! What the asking side was answered: it is in the log, where and as it was said to be.

use super::{Ask, Asked, Record, Sent, Violation, at};
use plaza_protocol::{Content, Event, Message, RoomId, SentMessage, TextBody};
use std::collections::BTreeMap;

pub(super) fn check(record: &Record, found: &mut Vec<Violation>) {
    let messages = by_send(&record.logs);
    for sent in &record.sends {
        for answer in &sent.answers {
            check_answer(sent, answer, &record.logs, found);
        }
        // Also a message that was never acknowledged is in the log as it was sent, or not at all.
        if let Some(message) = messages.get(&(&sent.room, sent.client_id.as_str(), sent.user.as_str()))
            && message.content != (Content::Text(TextBody { text: sent.text.clone() }))
        {
            let (client, room, client_id) = (sent.client.clone(), sent.room.clone(), sent.client_id.clone());
            found.push(Violation::OtherText { client, room, seq: message.seq, client_id });
        }
    }
    for asked in &record.asks {
        check_asked(asked, &record.logs, found);
    }
}

fn by_send(logs: &BTreeMap<RoomId, Vec<Event>>) -> BTreeMap<(&RoomId, &str, &str), &Message> {
    let messages = logs.iter().flat_map(|(room, log)| log.iter().map(move |event| (room, event)));
    let named = messages.filter_map(|(room, event)| match event {
        Event::Message(message) => {
            Some(((room, message.client_id.as_str(), message.sender.id.as_str()), message))
        }
        _ => None,
    });
    named.collect()
}

fn check_answer(
    sent: &Sent,
    answer: &SentMessage,
    logs: &BTreeMap<RoomId, Vec<Event>>,
    found: &mut Vec<Violation>,
) {
    let (client, room, client_id) = (sent.client.clone(), sent.room.clone(), sent.client_id.clone());
    let seq = answer.seq;
    if seq <= sent.after {
        let (client, room, client_id) = (client.clone(), room.clone(), client_id.clone());
        found.push(Violation::BeforeItsCause { client, room, client_id, seq, after: sent.after });
    }
    let Some(Event::Message(logged)) = logs.get(&room).and_then(|log| at(log, seq)) else {
        return found.push(Violation::Lost { client, room, client_id, seq });
    };
    if logged.client_id != client_id || logged.sender.id != sent.user {
        found.push(Violation::Lost { client, room, client_id, seq });
    } else if logged.id != answer.id || logged.at != answer.at {
        found.push(Violation::AckDiffers { client, room, seq, client_id });
    }
}

fn check_asked(asked: &Asked, logs: &BTreeMap<RoomId, Vec<Event>>, found: &mut Vec<Violation>) {
    let Some(seq) = asked.seq else { return };
    let there = logs.get(&asked.room).and_then(|log| at(log, seq)).and_then(Ask::behind);
    if there != Some((&asked.user, asked.what.clone())) {
        let (client, room) = (asked.client.clone(), asked.room.clone());
        found.push(Violation::NotAsked { client, room, seq });
    }
}
