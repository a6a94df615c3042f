//! The statements that work on many rows at once, in SQLite's words: the rows come as one JSON array of arrays,
//! which `jsonb_each` (SQLite 3.51; ours is built in) parses once. One statement for a batch costs a fraction of one
//! for each row. `CROSS JOIN` keeps SQLite from turning the loops around.

use crate::words::Words;

pub(crate) const WORDS: Words = Words {
    memberships: MEMBERSHIPS,
    before_append: BEFORE_APPEND,
    append: APPEND,
    cut_keys: Some(CUT_KEYS),
    own_up_to: OWN_UP_TO,
    raise_read: RAISE_READ,
    directly: DIRECTLY,
    blockers: BLOCKERS,
    see_guests: SEE_GUESTS,
    see_sessions: SEE_SESSIONS,
    ended_sessions: ENDED_SESSIONS,
    presence_by_id: PRESENCE_BY_ID,
    presence_by_key: PRESENCE_BY_KEY,
    see_people: SEE_PEOPLE,
    tops_above: TOPS_ABOVE,
    rooms_not_held: ROOMS_NOT_HELD,
    renew_lease: RENEW_LEASE,
    begin_lease: BEGIN_LEASE,
    ended_leases: ENDED_LEASES,
    nodes: NODES,
    come_online: COME_ONLINE,
    go_offline: GO_OFFLINE,
    online_elsewhere: ONLINE_ELSEWHERE,
    hidden: HIDDEN,
    blocks_among: BLOCKS_AMONG,
    last_seen: LAST_SEEN,
};

/// `[[room, user], …]` → for each pair that is a membership: its index, the room's top, the messages in the room, how
/// far the user read, how many of the messages are the user's, the position of the newest of those, and how many members
/// the room has.
const MEMBERSHIPS: &str = "
    SELECT pair.key, rooms.seq, rooms.messages, members.read_seq, members.own, members.own_seq, rooms.members
    FROM jsonb_each($1) AS pair
    CROSS JOIN members ON members.room_id = pair.value ->> 0 AND members.user_id = pair.value ->> 1
    CROSS JOIN rooms ON rooms.id = members.room_id";

/// `[[room, user], …]`, `[[room, sender, client id, position], …]` → one row of two JSON arrays, since each row of its own
/// would be handed from one thread to another by itself. The first: for each pair that is a membership, its index, the
/// room's top, the messages in the room, how many of those are the user's, and the position of the newest of these. The
/// second: for each message that is stored already, its index and what it is. Of one that retention has cut, kind and body
/// are null. A position is told where it is known from elsewhere than the table of keys.
const BEFORE_APPEND: &str = "
    SELECT
        (SELECT json_group_array(json_array(
            pair.key, rooms.seq, rooms.messages, members.own, members.own_seq))
        FROM jsonb_each($1) AS pair
        CROSS JOIN members ON members.room_id = pair.value ->> 0 AND members.user_id = pair.value ->> 1
        CROSS JOIN rooms ON rooms.id = members.room_id),
        (SELECT json_group_array(json_array(
            wanted.key, COALESCE(events.seq, cut.seq), COALESCE(events.id, cut.id), COALESCE(events.at, cut.at),
            events.kind, events.body))
        FROM jsonb_each($2) AS wanted
        LEFT JOIN events ON events.room_id = wanted.value ->> 0
            AND events.seq = COALESCE(wanted.value ->> 3, (SELECT filed.seq FROM message_keys AS filed
                WHERE filed.room_id = wanted.value ->> 0 AND filed.sender_id = wanted.value ->> 1
                    AND filed.client_id = wanted.value ->> 2))
        LEFT JOIN cut_messages AS cut ON cut.room_id = wanted.value ->> 0 AND cut.sender_id = wanted.value ->> 1
            AND cut.client_id = wanted.value ->> 2
        WHERE events.seq IS NOT NULL OR cut.seq IS NOT NULL)";

/// `[[room, seq, id, sender, name, guest, client id, kind, body, at, messages, own, prev], …]`, new messages;
/// `[[room, seq, messages], …]`, how their rooms then stand; `[[room, user, own, own seq], …]`, and their senders.
const APPEND: &str = "
    INSERT INTO events
        (type, room_id, seq, id, sender_id, sender_name, sender_guest, client_id, kind, body, at,
        messages, own, prev)
    SELECT 'message', value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12
    FROM jsonb_each($1);
    UPDATE rooms SET seq = top.value ->> 1, messages = top.value ->> 2
    FROM jsonb_each($2) AS top
    WHERE rooms.id = top.value ->> 0;
    UPDATE members SET own = newest.value ->> 2, own_seq = newest.value ->> 3
    FROM jsonb_each($3) AS newest
    WHERE members.room_id = newest.value ->> 0 AND members.user_id = newest.value ->> 1";

/// The number of the newest event, and how many there are that have their keys in the table perhaps not.
pub(crate) const KEYS_MISSING: &str = "
    SELECT (SELECT COALESCE(MAX(n), 0) FROM events),
        (SELECT COUNT(*) FROM events WHERE n > (SELECT n FROM message_keys_upto))";

/// Puts all those into the table.
pub(crate) const FILE_ALL_KEYS: &str = "
    INSERT INTO message_keys (room_id, sender_id, client_id, seq)
    SELECT room_id, sender_id, client_id, seq FROM events
    WHERE n > (SELECT n FROM message_keys_upto) AND client_id IS NOT NULL ORDER BY room_id, sender_id, client_id
    ON CONFLICT DO NOTHING";

/// All keys that are in the table perhaps not, with the positions, as one JSON array.
pub(crate) const UNFILED_KEYS: &str = "
    SELECT json_group_array(json_array(room_id, sender_id, client_id, seq)) FROM events
    WHERE n > (SELECT n FROM message_keys_upto) AND client_id IS NOT NULL";

/// `[[room, sender, client id, position], …]`, which go into the table, but for messages that were cut.
pub(crate) const FILE_KEYS: &str = "
    INSERT INTO message_keys (room_id, sender_id, client_id, seq)
    SELECT due.value ->> 0, due.value ->> 1, due.value ->> 2, events.seq
    FROM jsonb_each($1) AS due
    CROSS JOIN events ON events.room_id = due.value ->> 0 AND events.seq = due.value ->> 3
    WHERE true ON CONFLICT DO NOTHING";

/// The keys of all events up to a number are in the table.
pub(crate) const KEYS_FILED: &str = "UPDATE message_keys_upto SET n = $1";

/// The number of the newest event there has been.
pub(crate) const NEWEST_NUMBER: &str = "SELECT COALESCE(MAX(n), 0) FROM events";

/// A room, and the positions between which its events are cut: their keys go first.
pub(crate) const CUT_KEYS: &str = "
    DELETE FROM message_keys WHERE (room_id, sender_id, client_id) IN (
        SELECT room_id, sender_id, client_id FROM events
        WHERE room_id = $1 AND seq >= $2 AND seq <= $3 AND client_id IS NOT NULL)";

/// `[[room, user, position], …]`, each below the user's newest message → for each: its index, and how many messages up to
/// there are the user's. It begins at the nearest of the user's messages above the position that the index has, and goes
/// back from one to the one before, at most 32 steps, until the one before is not above the position: so it never asks
/// for a message at or below it, which may be cut.
const OWN_UP_TO: &str = "
    WITH RECURSIVE back (key, room_id, upto, own, prev) AS (
        SELECT wanted.key, wanted.value ->> 0, wanted.value ->> 2, first.own, first.prev
        FROM jsonb_each($1) AS wanted
        CROSS JOIN members ON members.room_id = wanted.value ->> 0 AND members.user_id = wanted.value ->> 1
        CROSS JOIN events AS first ON first.room_id = members.room_id AND first.seq = COALESCE(
            (SELECT near.seq FROM events AS near
             WHERE near.room_id = members.room_id AND near.sender_id = members.user_id
                AND near.own % 32 = 0 AND near.seq > wanted.value ->> 2
             ORDER BY near.seq LIMIT 1), members.own_seq)
        UNION ALL
        SELECT back.key, back.room_id, back.upto, earlier.own, earlier.prev
        FROM back
        CROSS JOIN events AS earlier ON earlier.room_id = back.room_id AND earlier.seq = back.prev
        WHERE back.prev > back.upto
    )
    SELECT key, own - 1 FROM back WHERE prev <= upto";

/// `[[room, user, read seq, the user's own messages up to there], …]`.
const RAISE_READ: &str = "
    UPDATE members SET read_seq = reached.value ->> 2, read_others = (
        SELECT events.messages FROM events
        WHERE events.room_id = members.room_id AND events.seq = reached.value ->> 2) - (reached.value ->> 3)
    FROM jsonb_each($1) AS reached
    WHERE members.room_id = reached.value ->> 0 AND members.user_id = reached.value ->> 1";

/// `[[room, user], …]`, each a member of a direct room → for each: its index, whether the user has blocked the other
/// one, whether the other one has blocked the user, and the other one's name.
const DIRECTLY: &str = "
    SELECT pair.key,
        (SELECT COUNT(*) FROM blocks WHERE blocks.user_id = pair.value ->> 1
            AND blocks.blocked_id = other.user_id),
        (SELECT COUNT(*) FROM blocks WHERE blocks.user_id = other.user_id
            AND blocks.blocked_id = pair.value ->> 1),
        users.name
    FROM jsonb_each($1) AS pair
    CROSS JOIN members AS other ON other.room_id = pair.value ->> 0 AND other.user_id <> pair.value ->> 1
    CROSS JOIN users ON users.id = other.user_id";

/// `[user, …]`, somebody → those of the users who have blocked them.
const BLOCKERS: &str = "
    SELECT wanted.value FROM jsonb_each($1) AS wanted
    CROSS JOIN blocks ON blocks.user_id = wanted.value AND blocks.blocked_id = $2";

/// `[[room, position], …]` → the rooms whose newest event is above that, and its position.
const TOPS_ABOVE: &str = "
    SELECT rooms.id, rooms.seq FROM jsonb_each($1) AS held
    CROSS JOIN rooms ON rooms.id = held.value ->> 0
    WHERE rooms.seq > held.value ->> 1";

/// `[user, …]`, `[room, …]` → the memberships of these users in other rooms than these.
const ROOMS_NOT_HELD: &str = "
    SELECT members.room_id, members.user_id FROM jsonb_each($1) AS wanted
    CROSS JOIN members ON members.user_id = wanted.value
    WHERE members.room_id NOT IN (SELECT value FROM jsonb_each($2))";

/// Now, by the database's clock.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

/// node, connections, how long the lease is
const RENEW_LEASE: &str = concat!(
    "UPDATE nodes SET connections = $2, updated_at = ",
    now!(),
    ", lease_until = ",
    now!(),
    " + $3 WHERE id = $1"
);

/// node, name, connections, how long the lease is
const BEGIN_LEASE: &str = concat!(
    "INSERT INTO nodes (id, name, connections, updated_at, lease_until) VALUES ($1, $2, $3, ",
    now!(),
    ", ",
    now!(),
    " + $4)"
);

/// → the nodes whose leases have ended, and when.
const ENDED_LEASES: &str = concat!("SELECT id, lease_until FROM nodes WHERE lease_until < ", now!());

/// → the nodes whose leases hold: name, connections, when it said so.
const NODES: &str = concat!(
    "SELECT name, connections, updated_at FROM nodes WHERE name IS NOT NULL AND lease_until >= ",
    now!(),
    " ORDER BY name, id"
);

/// `[user, …]`, node: these are online with it.
const COME_ONLINE: &str = "
    INSERT INTO online (user_id, node) SELECT value, $2 FROM jsonb_each($1) WHERE true ON CONFLICT DO NOTHING";

/// `[user, …]`, node: these are no more.
const GO_OFFLINE: &str =
    "DELETE FROM online WHERE node = $2 AND user_id IN (SELECT value FROM jsonb_each($1))";

/// `[user, …]`, node → those online with other nodes, each with one of them.
const ONLINE_ELSEWHERE: &str = "
    SELECT online.user_id, online.node FROM jsonb_each($1) AS wanted
    CROSS JOIN online ON online.user_id = wanted.value
    WHERE online.node <> $2";

/// `[user, …]` → those of them who do not let themselves be seen.
const HIDDEN: &str = "
    SELECT users.id FROM jsonb_each($1) AS wanted
    CROSS JOIN users ON users.id = wanted.value
    WHERE users.hidden = 1";

/// `[user, …]`, `[user, …]` → whom of the second each of the first has blocked.
const BLOCKS_AMONG: &str = "
    SELECT blocks.user_id, blocks.blocked_id FROM jsonb_each($1) AS wanted
    CROSS JOIN blocks ON blocks.user_id = wanted.value
    WHERE blocks.blocked_id IN (SELECT value FROM jsonb_each($2))";

/// `[user, …]`, when: those who are online with no node any more were last seen then. Of those who hide nothing is kept.
const LAST_SEEN: &str = "
    UPDATE users SET left_at = $2
    FROM jsonb_each($1) AS gone
    WHERE users.id = gone.value AND users.hidden = 0
        AND NOT EXISTS (SELECT 1 FROM online WHERE online.user_id = users.id)";

/// `[guest, …]`, now
const SEE_GUESTS: &str = "
    UPDATE users SET seen_at = $2
    FROM jsonb_each($1) AS guest
    WHERE users.id = guest.value AND users.guest = 1 AND users.token_hash IS NOT NULL AND users.seen_at < $2";

/// `[session, …]`, now, and how old a use must be to be written down anew
const SEE_SESSIONS: &str = "
    UPDATE sessions SET used_at = $2
    FROM jsonb_each($1) AS wanted
    WHERE sessions.id = wanted.value AND sessions.revoked_at IS NULL AND sessions.used_at + $3 <= $2";

/// `[session, …]`, among them those of guests, which are named as they are → those that have ended.
const ENDED_SESSIONS: &str = "
    SELECT wanted.value FROM jsonb_each($1) AS wanted
    WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = wanted.value AND revoked_at IS NULL)
        AND NOT EXISTS (SELECT 1 FROM users WHERE id = wanted.value AND token_hash IS NOT NULL)";

/// A statement that takes `[[place, id or key], …]` and who asks, and gives for each that is somebody: the place, who they
/// are, whether they hide, when they were last seen, and whether they have blocked the one who asks.
macro_rules! select_presence {
    ($by:literal) => {
        concat!(
            "
    SELECT wanted.value ->> 0, users.id, users.name, users.guest, users.hidden, users.left_at,
        (SELECT COUNT(*) FROM blocks WHERE blocks.user_id = users.id AND blocks.blocked_id = $2)
    FROM jsonb_each($1) AS wanted
    CROSS JOIN users ON users.",
            $by,
            " = wanted.value ->> 1"
        )
    };
}

/// See [`select_presence`].
const PRESENCE_BY_ID: &str = select_presence!("id");
/// See [`select_presence`].
const PRESENCE_BY_KEY: &str = select_presence!("name_key");

/// `[[user, when], …]`, each last seen then; of those who hide nothing is kept.
const SEE_PEOPLE: &str = "
    UPDATE users SET left_at = seen.value ->> 1
    FROM jsonb_each($1) AS seen
    WHERE users.id = seen.value ->> 0 AND users.hidden = 0";

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_store::{Durability, Store, StoreOptions};
    use sqlx::{AssertSqlSafe, Row};

    #[tokio::test]
    async fn no_statement_walks_a_whole_table() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            durability: Durability::None,
            ..StoreOptions::new(folder.path().join("plan.db"), [7; 16])
        };
        let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
        let appending = APPEND.split(';');
        let others = [
            MEMBERSHIPS,
            BEFORE_APPEND,
            FILE_KEYS,
            OWN_UP_TO,
            RAISE_READ,
            DIRECTLY,
            BLOCKERS,
            SEE_GUESTS,
            PRESENCE_BY_ID,
            PRESENCE_BY_KEY,
            SEE_PEOPLE,
            SEE_SESSIONS,
            ENDED_SESSIONS,
            TOPS_ABOVE,
            ROOMS_NOT_HELD,
            ONLINE_ELSEWHERE,
            HIDDEN,
            BLOCKS_AMONG,
            LAST_SEEN,
        ];
        for statement in others.into_iter().chain(appending) {
            let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let mut reader = store.read().await.unwrap();
            let plan = sqlx::query(explained).bind("[]").fetch_all(&mut *reader).await.unwrap();
            for step in &plan {
                let step: String = step.get("detail");
                let walked = step.strip_prefix("SCAN ").map(|rest| rest.split(' ').next().unwrap());
                let from_json = [
                    "pair",
                    "wanted",
                    "due",
                    "top",
                    "newest",
                    "reached",
                    "jsonb_each",
                    "back",
                    "guest",
                    "seen",
                    "held",
                    "gone",
                    // No table: the one row of a SELECT without FROM.
                    "CONSTANT",
                ];
                assert!(walked.is_none_or(|table| from_json.contains(&table)), "{step} in {statement}");
                // One row of the log each: by its position, its sender's name for it, or the next one in the index.
                let one = ["(room_id=? AND seq=?)", "client_id=?)", "(room_id=? AND sender_id=? AND seq>?)"];
                let step = step.trim_end_matches(" LEFT-JOIN");
                let looks =
                    ["events", "cut", "first", "near", "earlier"].map(|table| format!("SEARCH {table} "));
                if looks.iter().any(|look| step.starts_with(look)) {
                    assert!(one.iter().any(|key| step.ends_with(key)), "{step} in {statement}");
                }
            }
            let sorted = plan.iter().any(|step| step.get::<&str, _>("detail").contains("TEMP B-TREE"));
            assert!(!sorted, "{statement}");
        }
    }
}
