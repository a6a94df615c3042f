//! How rooms stand for their members at the end, as the server lists them: as the fold of the log says, and what is
//! unread as a count of the whole log says.

use super::{Record, Violation, fold::Room};
use plaza_protocol::{Event, UserId};

pub(super) fn check(record: &Record, found: &mut Vec<Violation>) {
    for stood in &record.stood {
        let (client, room) = (&stood.client, &stood.listed.id);
        let log = record.logs.get(room).map(Vec::as_slice).unwrap_or_default();
        let mut folded = Room::new(room);
        log.iter().for_each(|event| folded.take(event));
        let Some(member) = folded.members.get(&stood.user) else {
            let (client, room) = (client.clone(), room.clone());
            found.push(Violation::ListedStranger { client, room });
            continue;
        };
        let listed = &stood.listed;
        let least = stood.read.max(member.since);
        if listed.read_seq < least {
            let (client, room) = (client.clone(), room.clone());
            found.push(Violation::ReadLost { client, room, listed: listed.read_seq, least });
        }
        let name = folded.name.unwrap_or(&listed.name);
        for (what, told, right) in [
            ("newest position", listed.seq.to_string(), log.len().to_string()),
            ("number of members", listed.members.to_string(), folded.members.len().to_string()),
            ("role", listed.role.as_str().to_owned(), member.role.as_str().to_owned()),
            ("name", listed.name.clone(), name.to_owned()),
            ("unread", listed.unread.to_string(), unread(log, &stood.user, listed.read_seq).to_string()),
        ] {
            if told != right {
                let (client, room) = (client.clone(), room.clone());
                found.push(Violation::ListedDiffers { client, room, what, told, right });
            }
        }
    }
}

/// Others' messages above a position, counted.
fn unread(log: &[Event], user: &UserId, read: u64) -> usize {
    let others = |event: &&Event| matches!(event, Event::Message(message) if message.sender.id != *user);
    log.iter().filter(|event| event.seq() > read).filter(others).count()
}
