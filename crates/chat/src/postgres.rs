//! The statements of `sqlite` in PostgreSQL's words. The rows come as the same JSON, which `jsonb_array_elements` takes
//! apart; what comes out of it is text, so numbers are cast. `LATERAL` with a `LIMIT` keeps the planner, which knows
//! nothing of what will be asked, at one look into an index for each row; `COLLATE "POSIX"` says into which, see the
//! layout.

use crate::words::Words;

pub(crate) const WORDS: Words = Words {
    memberships: MEMBERSHIPS,
    before_append: BEFORE_APPEND,
    append: APPEND,
    cut_keys: None,
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

const MEMBERSHIPS: &str = "
    SELECT pair.place - 1, rooms.seq, rooms.messages, members.read_seq, members.own, members.own_seq,
        rooms.members
    FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS pair (value, place)
    CROSS JOIN LATERAL (SELECT read_seq, own, own_seq FROM members
        WHERE room_id = pair.value ->> 0 AND user_id = pair.value ->> 1 LIMIT 1) AS members
    CROSS JOIN LATERAL (SELECT seq, messages, members FROM rooms WHERE id = pair.value ->> 0 LIMIT 1) AS rooms";

const BEFORE_APPEND: &str = "
    SELECT
        (SELECT COALESCE(json_agg(json_build_array(
            pair.place - 1, rooms.seq, rooms.messages, members.own, members.own_seq)), '[]')::text
        FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS pair (value, place)
        CROSS JOIN LATERAL (SELECT own, own_seq FROM members
            WHERE room_id = pair.value ->> 0 AND user_id = pair.value ->> 1 LIMIT 1) AS members
        CROSS JOIN LATERAL (SELECT seq, messages FROM rooms WHERE id = pair.value ->> 0 LIMIT 1) AS rooms),
        (SELECT COALESCE(json_agg(json_build_array(
            wanted.place - 1, COALESCE(events.seq, cut.seq), COALESCE(events.id, cut.id),
            COALESCE(events.at, cut.at), events.kind, events.body)), '[]')::text
        FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS wanted (value, place)
        LEFT JOIN LATERAL (SELECT seq, id, at, kind, body FROM events
            WHERE room_id COLLATE \"POSIX\" = wanted.value ->> 0 AND sender_id = wanted.value ->> 1
                AND client_id = wanted.value ->> 2 AND client_id IS NOT NULL LIMIT 1) AS events ON true
        LEFT JOIN LATERAL (SELECT seq, id, at FROM cut_messages
            WHERE room_id = wanted.value ->> 0 AND sender_id = wanted.value ->> 1
                AND client_id = wanted.value ->> 2 LIMIT 1) AS cut ON true
        WHERE events.seq IS NOT NULL OR cut.seq IS NOT NULL)";

/// In one statement, for there can be no more in a round trip. Its parts touch no table twice, so none has to see what
/// another one does.
const APPEND: &str = "
    WITH added AS (
        INSERT INTO events
            (type, room_id, seq, id, sender_id, sender_name, sender_guest, client_id, kind, body, at,
            messages, own, prev)
        SELECT 'message', value ->> 0, (value ->> 1)::bigint, value ->> 2, value ->> 3, value ->> 4,
            (value ->> 5)::bigint, value ->> 6, value ->> 7, value ->> 8, (value ->> 9)::bigint,
            (value ->> 10)::bigint, (value ->> 11)::bigint, (value ->> 12)::bigint
        FROM jsonb_array_elements($1::jsonb) AS message (value)
    ), raised AS (
        UPDATE rooms SET seq = (top.value ->> 1)::bigint, messages = (top.value ->> 2)::bigint
        FROM jsonb_array_elements($2::jsonb) AS top (value)
        WHERE rooms.id = top.value ->> 0
    )
    UPDATE members SET own = (newest.value ->> 2)::bigint, own_seq = (newest.value ->> 3)::bigint
    FROM jsonb_array_elements($3::jsonb) AS newest (value)
    WHERE members.room_id = newest.value ->> 0 AND members.user_id = newest.value ->> 1";

const OWN_UP_TO: &str = "
    WITH RECURSIVE back (place, room_id, upto, own, prev) AS (
        SELECT wanted.place, wanted.value ->> 0, (wanted.value ->> 2)::bigint, first.own, first.prev
        FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS wanted (value, place)
        CROSS JOIN LATERAL (SELECT own_seq FROM members
            WHERE room_id = wanted.value ->> 0 AND user_id = wanted.value ->> 1 LIMIT 1) AS members
        CROSS JOIN LATERAL (SELECT own, prev FROM events
            WHERE events.room_id = wanted.value ->> 0 AND events.seq = COALESCE(
                (SELECT near.seq FROM events AS near
                 WHERE near.room_id COLLATE \"POSIX\" = wanted.value ->> 0 AND near.sender_id = wanted.value ->> 1
                    AND near.own % 32 = 0 AND near.seq > (wanted.value ->> 2)::bigint
                 ORDER BY near.seq LIMIT 1), members.own_seq) LIMIT 1) AS first
        UNION ALL
        SELECT back.place, back.room_id, back.upto, earlier.own, earlier.prev
        FROM back
        CROSS JOIN LATERAL (SELECT own, prev FROM events
            WHERE events.room_id = back.room_id AND events.seq = back.prev LIMIT 1) AS earlier
        WHERE back.prev > back.upto
    )
    SELECT place - 1, own - 1 FROM back WHERE prev <= upto";

const RAISE_READ: &str = "
    UPDATE members SET read_seq = (reached.value ->> 2)::bigint, read_others = (
        SELECT events.messages FROM events
        WHERE events.room_id = members.room_id AND events.seq = (reached.value ->> 2)::bigint)
        - (reached.value ->> 3)::bigint
    FROM jsonb_array_elements($1::jsonb) AS reached (value)
    WHERE members.room_id = reached.value ->> 0 AND members.user_id = reached.value ->> 1";

const DIRECTLY: &str = "
    SELECT pair.place - 1,
        (SELECT COUNT(*) FROM blocks WHERE blocks.user_id = pair.value ->> 1
            AND blocks.blocked_id = other.user_id),
        (SELECT COUNT(*) FROM blocks WHERE blocks.user_id = other.user_id
            AND blocks.blocked_id = pair.value ->> 1),
        users.name
    FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS pair (value, place)
    CROSS JOIN LATERAL (SELECT user_id FROM members
        WHERE room_id = pair.value ->> 0 AND user_id <> pair.value ->> 1 LIMIT 1) AS other
    CROSS JOIN LATERAL (SELECT name FROM users WHERE users.id = other.user_id LIMIT 1) AS users";

const BLOCKERS: &str = "
    SELECT blocks.user_id FROM jsonb_array_elements_text($1::jsonb) AS wanted (value)
    JOIN blocks ON blocks.user_id = wanted.value AND blocks.blocked_id = $2";

const SEE_GUESTS: &str = "
    UPDATE users SET seen_at = $2
    FROM jsonb_array_elements_text($1::jsonb) AS guest (value)
    WHERE users.id = guest.value AND users.guest = 1 AND users.token_hash IS NOT NULL AND users.seen_at < $2";

const SEE_SESSIONS: &str = "
    UPDATE sessions SET used_at = $2
    FROM jsonb_array_elements_text($1::jsonb) AS wanted (value)
    WHERE sessions.id = wanted.value AND sessions.revoked_at IS NULL AND sessions.used_at + $3 <= $2";

const ENDED_SESSIONS: &str = "
    SELECT wanted.id FROM jsonb_array_elements_text($1::jsonb) AS wanted (id)
    WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = wanted.id AND revoked_at IS NULL)
        AND NOT EXISTS (SELECT 1 FROM users WHERE id = wanted.id AND token_hash IS NOT NULL)";

/// See `sqlite`.
macro_rules! select_presence {
    ($by:literal) => {
        concat!(
            "
    SELECT (wanted.value ->> 0)::bigint, users.id, users.name, users.guest, users.hidden, users.left_at,
        (SELECT COUNT(*) FROM blocks WHERE blocks.user_id = users.id AND blocks.blocked_id = $2)
    FROM jsonb_array_elements($1::jsonb) AS wanted (value)
    JOIN users ON users.",
            $by,
            " = wanted.value ->> 1"
        )
    };
}

const PRESENCE_BY_ID: &str = select_presence!("id");
const PRESENCE_BY_KEY: &str = select_presence!("name_key");

const SEE_PEOPLE: &str = "
    UPDATE users SET left_at = (seen.value ->> 1)::bigint
    FROM jsonb_array_elements($1::jsonb) AS seen (value)
    WHERE users.id = seen.value ->> 0 AND users.hidden = 0";

const TOPS_ABOVE: &str = "
    SELECT rooms.id, rooms.seq FROM jsonb_array_elements($1::jsonb) AS held (value)
    CROSS JOIN LATERAL (SELECT id, seq FROM rooms WHERE id = held.value ->> 0 LIMIT 1) AS rooms
    WHERE rooms.seq > (held.value ->> 1)::bigint";

const ROOMS_NOT_HELD: &str = "
    SELECT members.room_id, members.user_id FROM jsonb_array_elements_text($1::jsonb) AS wanted (id)
    CROSS JOIN LATERAL (SELECT room_id, user_id FROM members WHERE user_id = wanted.id OFFSET 0) AS members
    WHERE members.room_id NOT IN (SELECT jsonb_array_elements_text($2::jsonb))";

/// Now, by the database's clock.
macro_rules! now {
    () => {
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
}

const RENEW_LEASE: &str = concat!(
    "UPDATE nodes SET connections = $2, updated_at = ",
    now!(),
    ", lease_until = ",
    now!(),
    " + $3 WHERE id = $1"
);

const BEGIN_LEASE: &str = concat!(
    "INSERT INTO nodes (id, name, connections, updated_at, lease_until) VALUES ($1, $2, $3, ",
    now!(),
    ", ",
    now!(),
    " + $4)"
);

const ENDED_LEASES: &str = concat!("SELECT id, lease_until FROM nodes WHERE lease_until < ", now!());

const NODES: &str = concat!(
    "SELECT name, connections, updated_at FROM nodes WHERE name IS NOT NULL AND lease_until >= ",
    now!(),
    " ORDER BY name, id"
);

const COME_ONLINE: &str = "
    INSERT INTO online (user_id, node) SELECT value, $2 FROM jsonb_array_elements_text($1::jsonb) AS came (value)
    ON CONFLICT DO NOTHING";

const GO_OFFLINE: &str =
    "DELETE FROM online WHERE node = $2 AND user_id IN (SELECT jsonb_array_elements_text($1::jsonb))";

const ONLINE_ELSEWHERE: &str = "
    SELECT online.user_id, online.node FROM jsonb_array_elements_text($1::jsonb) AS wanted (id)
    CROSS JOIN LATERAL (SELECT user_id, node FROM online WHERE user_id = wanted.id OFFSET 0) AS online
    WHERE online.node <> $2";

const HIDDEN: &str = "
    SELECT users.id FROM jsonb_array_elements_text($1::jsonb) AS wanted (id)
    CROSS JOIN LATERAL (SELECT id, hidden FROM users WHERE id = wanted.id LIMIT 1) AS users
    WHERE users.hidden = 1";

const BLOCKS_AMONG: &str = "
    SELECT blocks.user_id, blocks.blocked_id FROM jsonb_array_elements_text($1::jsonb) AS wanted (id)
    CROSS JOIN LATERAL (SELECT user_id, blocked_id FROM blocks WHERE user_id = wanted.id OFFSET 0) AS blocks
    WHERE blocks.blocked_id IN (SELECT jsonb_array_elements_text($2::jsonb))";

const LAST_SEEN: &str = "
    UPDATE users SET left_at = $2
    FROM jsonb_array_elements_text($1::jsonb) AS gone (id)
    WHERE users.id = gone.id AND users.hidden = 0
        AND NOT EXISTS (SELECT 1 FROM online WHERE online.user_id = users.id)";

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_store::{Durability, Place, Store, StoreOptions};
    use plaza_testkit::Postgres;
    use sqlx::{AssertSqlSafe, Row};

    #[tokio::test]
    async fn no_statement_walks_a_table_or_a_room() {
        let server = Postgres::start().await.unwrap();
        let place = Place::Server(server.url().parse().unwrap());
        let options = StoreOptions { durability: Durability::None, ..StoreOptions::at(place, [7; 16]) };
        let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
        let mut tx = store.write().await.unwrap();
        for (statement, rest) in [
            (MEMBERSHIPS, 0),
            (BEFORE_APPEND, 5),
            (OWN_UP_TO, 0),
            (RAISE_READ, 0),
            (DIRECTLY, 0),
            (BLOCKERS, 1),
            (SEE_GUESTS, 2),
            (SEE_SESSIONS, 3),
            (ENDED_SESSIONS, 0),
            (PRESENCE_BY_ID, 1),
            (PRESENCE_BY_KEY, 1),
            (SEE_PEOPLE, 0),
            (APPEND, 4),
            (TOPS_ABOVE, 0),
            (ROOMS_NOT_HELD, 5),
            (ONLINE_ELSEWHERE, 1),
            (HIDDEN, 0),
            (BLOCKS_AMONG, 5),
            (LAST_SEEN, 2),
        ] {
            let explained = sqlx::query(AssertSqlSafe(format!("EXPLAIN {statement}"))).bind("[]");
            let explained = match rest {
                0 => explained,
                1 => explained.bind("u"),
                4 => explained.bind("[]").bind("[]"),
                5 => explained.bind("[]"),
                2 => explained.bind(1_i64),
                _ => explained.bind(1_i64).bind(1_i64),
            };
            let plan = explained.fetch_all(&mut *tx).await.unwrap();
            let steps: Vec<&str> = plan.iter().map(|step| step.get(0)).collect();
            assert!(!steps.iter().any(|step| step.contains("Seq Scan")), "{steps:#?}");
            // One row of the log each: by its position, its sender's name for it, or the next one in the index.
            let one = ["seq = ", "client_id = ", "seq > "];
            for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.contains(" on events")) {
                let found = steps[at + 1];
                let by_key = found.contains("Index Cond") && one.iter().any(|key| found.contains(key));
                assert!(by_key || step.contains("Insert on"), "{step} by {found} in {steps:#?}");
            }
        }
    }
}
