//! The statements that work on many rows at once, in SQLite's words: the rows come as one JSON array of arrays.
//! One statement for a batch costs a fraction of one for each row. `CROSS JOIN` keeps SQLite from turning the
//! loops around. Everything else in this crate is plain SQL that any database understands.

use serde::Serialize;

/// Rows as the statements take them.
pub(crate) fn rows<T: Serialize>(rows: &[T]) -> sqlx::Result<String> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// `[[room, user], …]` → for each pair that is a membership: its index, the room's top, how far the user read.
pub(crate) const MEMBERSHIPS: &str = "
    SELECT pair.key, rooms.seq, members.read_seq
    FROM json_each($1) AS pair
    CROSS JOIN members ON members.room_id = pair.value ->> 0 AND members.user_id = pair.value ->> 1
    CROSS JOIN rooms ON rooms.id = members.room_id";

/// `[[room, sender, client id], …]` → for each message that is stored already: its index and what it is.
pub(crate) const KNOWN_MESSAGES: &str = "
    SELECT wanted.key, events.seq, events.id, events.at, events.kind, events.body
    FROM json_each($1) AS wanted
    CROSS JOIN events ON events.room_id = wanted.value ->> 0 AND events.sender_id = wanted.value ->> 1
        AND events.client_id = wanted.value ->> 2 AND events.client_id IS NOT NULL";

/// `[[room, seq, id, sender, name, guest, client id, kind, body, at], …]`
pub(crate) const APPEND_MESSAGES: &str = "
    INSERT INTO events
        (type, room_id, seq, id, sender_id, sender_name, sender_guest, client_id, kind, body, at)
    SELECT 'message', value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8, value ->> 9
    FROM json_each($1)";

/// `[[room, seq], …]`
pub(crate) const RAISE_TOPS: &str = "
    UPDATE rooms SET seq = top.value ->> 1
    FROM json_each($1) AS top
    WHERE rooms.id = top.value ->> 0";

/// `[[room, user, read seq], …]`
pub(crate) const RAISE_READ: &str = "
    UPDATE members SET read_seq = reached.value ->> 2
    FROM json_each($1) AS reached
    WHERE members.room_id = reached.value ->> 0 AND members.user_id = reached.value ->> 1";

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_store::{Durability, Store, StoreOptions};
    use sqlx::{AssertSqlSafe, Row};

    #[tokio::test]
    async fn no_statement_walks_a_whole_table() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            StoreOptions { durability: Durability::None, ..StoreOptions::new(folder.path().join("plan.db")) };
        let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
        for statement in [MEMBERSHIPS, KNOWN_MESSAGES, APPEND_MESSAGES, RAISE_TOPS, RAISE_READ] {
            let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let mut reader = store.read().await.unwrap();
            let plan = sqlx::query(explained).bind("[]").fetch_all(&mut *reader).await.unwrap();
            for step in &plan {
                let step: String = step.get("detail");
                let walked = step.strip_prefix("SCAN ").map(|rest| rest.split(' ').next().unwrap());
                let tables = ["members", "rooms", "events"];
                assert!(walked.is_none_or(|table| !tables.contains(&table)), "{step} in {statement}");
            }
        }
    }
}
