//! A room's whole log, read back page by page.

use plaza_client::{Connection, Rest};
use plaza_protocol::{Event, EventsPage, History, RoomId, Secret, Seq};

/// Through `room:history`, by one of the room's members.
pub async fn by_socket(connection: &Connection, room: &RoomId) -> anyhow::Result<Vec<Event>> {
    let mut log = Vec::new();
    loop {
        let ask = next_page(room, &log);
        if !append(&mut log, connection.history(&ask).await?) {
            break;
        }
    }
    Ok(log)
}

/// Through `GET /api/v1/rooms/{id}/events`, with the token of one of the room's members.
pub async fn by_rest(rest: &Rest, token: &Secret, room: &RoomId) -> anyhow::Result<Vec<Event>> {
    let mut log = Vec::new();
    loop {
        let ask = next_page(room, &log);
        if !append(&mut log, rest.events(token, &ask).await?) {
            break;
        }
    }
    Ok(log)
}

fn next_page(room: &RoomId, log: &[Event]) -> History {
    let after: Seq = log.last().map_or(0, Event::seq);
    History { room_id: room.clone(), before: None, after: Some(after), limit: Some(History::MAX_LIMIT) }
}

/// Whether there is more.
fn append(log: &mut Vec<Event>, page: EventsPage) -> bool {
    let more = page.more && !page.events.is_empty();
    log.extend(page.events);
    more
}
