//! Cutting the oldest end of a room's log.

use crate::{
    failure::Outcome,
    log::{about_room, parsed, read_seq},
    words::words,
};
use plaza_protocol::{RoomId, Seq};
use plaza_store::Store;
use sqlx::Row;

/// Most events in one transaction: others wait for the writer no longer than for a batch of messages.
const AT_ONCE: Seq = 200;
/// Most rooms, or events, that are looked at with one statement.
const LOOKED_AT: i64 = 1_000;
/// What ids of guests begin with; a guest that made a room may be forgotten before it.
const GUESTS: &str = "v\\_%";

/// A room that may have something to cut.
pub(super) struct Room {
    pub(super) id: RoomId,
    pub(super) kept_from: Seq,
    /// When its oldest event was accepted.
    pub(super) oldest: i64,
    /// Whether a guest has made it.
    pub(super) of_guest: bool,
}

pub(super) const ROOMS: &str = "
    SELECT rooms.id, rooms.kept_from, events.at, CASE WHEN rooms.created_by LIKE $3 ESCAPE '\\' THEN 1 ELSE 0 END
    FROM rooms CROSS JOIN events
    WHERE events.room_id = rooms.id AND events.seq = rooms.kept_from AND rooms.id > $1 AND events.at < $2 ORDER BY rooms.id LIMIT $4";
pub(super) const TIMES: &str =
    "SELECT seq, at FROM events WHERE room_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
pub(super) const KEEP_ANSWERS: &str = "
    INSERT INTO cut_messages (room_id, sender_id, client_id, seq, id, at)
    SELECT room_id, sender_id, client_id, seq, id, at FROM events
    WHERE room_id = $1 AND seq >= $2 AND seq <= $3 AND client_id IS NOT NULL";
pub(super) const CUT: &str = "DELETE FROM events WHERE room_id = $1 AND seq >= $2 AND seq <= $3";
pub(super) const MOVE: &str = "UPDATE rooms SET kept_from = $2 WHERE id = $1 AND kept_from < $2";

/// Rooms behind one of them, in the order of their ids, whose oldest event is from before a moment.
pub(super) async fn rooms_to_look_at(store: &Store, after: &str, before: i64) -> Outcome<Vec<Room>> {
    let mut reader = store.read().await?;
    let rows = sqlx::query(ROOMS).bind(after).bind(before).bind(GUESTS).bind(LOOKED_AT);
    let rows = rows.fetch_all(&mut *reader).await?;
    let rooms: sqlx::Result<_> = rows
        .iter()
        .map(|row| {
            Ok(Room {
                id: parsed(row, 0)?,
                kept_from: read_seq(row, 1)?,
                oldest: row.try_get(2)?,
                of_guest: row.try_get::<i64, _>(3)? != 0,
            })
        })
        .collect();
    Ok(rooms?)
}

/// The position before the first event that is not from before a moment. Each is looked at: a clock that was set back
/// puts younger ones before older ones, and a younger one is never cut.
pub(super) async fn last_before(
    store: &Store,
    room: &RoomId,
    kept_from: Seq,
    before: i64,
) -> Outcome<Option<Seq>> {
    let mut next = kept_from;
    loop {
        let mut reader = store.read().await?;
        let rows = sqlx::query(TIMES).bind(room.as_str()).bind(next as i64).bind(LOOKED_AT);
        let rows = rows.fetch_all(&mut *reader).await?;
        drop(reader);
        for row in &rows {
            if row.try_get::<i64, _>(1)? >= before {
                return Ok((next > kept_from).then(|| next - 1));
            }
            next = read_seq(row, 0)? + 1;
        }
        if rows.is_empty() {
            return Ok((next > kept_from).then(|| next - 1));
        }
    }
}

/// Cuts some events, the oldest; the position from which the room is kept then.
pub(crate) async fn some(store: &Store, room: &RoomId, from: Seq, upto: Seq) -> Outcome<Seq> {
    let upto = upto.min(from + AT_ONCE - 1);
    // Another node may be cutting too, or reading up to here.
    let mut tx = store.write_about(&[about_room(room)]).await?;
    let keys = words(&tx).cut_keys;
    for statement in [KEEP_ANSWERS].into_iter().chain(keys).chain([CUT]) {
        let done = sqlx::query(statement).bind(room.as_str()).bind(from as i64).bind(upto as i64);
        done.execute(&mut *tx).await?;
    }
    sqlx::query(MOVE).bind(room.as_str()).bind((upto + 1) as i64).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(upto + 1)
}
