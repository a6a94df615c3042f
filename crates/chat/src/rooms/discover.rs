//! Finding public rooms. Who is banned from one finds it too: that it is there is no secret, and joining says the rest.

use crate::{Chat, failure::Outcome, log::parsed, log::read_seq, names, unavailable};
use plaza_protocol::{DiscoverRooms, Error, PublicRoom, RoomId, RoomsPage, UserId};
use plaza_store::{Store, StoreError};
use sqlx::{AnyConnection, Row};

/// Rooms a page.
const PAGE: usize = 50;
/// Rooms looked at for one page. What a name has in it no index finds, so a page may end before it is full.
const LOOKED_AT: i64 = 5_000;
/// Longest query, in characters.
const MAX_QUERY: usize = 80;
/// Above every room's id.
const LAST: &str = "\u{7f}";
/// Rooms folded in one transaction.
const FOLDED_AT_ONCE: i64 = 1_000;

impl Chat {
    /// A page of the public rooms whose name or id has the query in it, in the order of their ids. It has at most 50 of
    /// them and may have none; whether there are more is told by `next` alone.
    ///
    /// # Errors
    /// `bad_request` for a query above 80 characters or with control characters, and for an `after` that is no `next`.
    pub async fn discover_rooms(&self, user: &UserId, request: DiscoverRooms) -> Result<RoomsPage, Error> {
        let query = request.query.as_deref().unwrap_or_default().trim();
        if query.chars().count() > MAX_QUERY || query.chars().any(char::is_control) {
            return Err(Error::bad_request(
                "A query has at most 80 characters, none of them a control character.",
            ));
        }
        let after = match request.after {
            None => String::new(),
            Some(after) => match after.parse::<RoomId>() {
                Ok(room) => room.into(),
                Err(_) => return Err(Error::bad_request("Give as after what the page before gave as next.")),
            },
        };
        let _turn = self.inner.searching.lock().await;
        let mut snapshot = self.inner.store.snapshot().await.map_err(unavailable)?;
        Ok(page(&mut snapshot, user, &pattern(query), &after).await?)
    }
}

/// What a room is found by.
pub(crate) fn fold(name: &str, room: &RoomId) -> String {
    names::key(&format!("{name}\n{room}"))
}

/// The query as LIKE takes it: folded as rooms are, and nothing in it a wildcard.
fn pattern(query: &str) -> String {
    let mut pattern = String::from("%");
    for c in names::key(query).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

async fn page(
    connection: &mut AnyConnection,
    user: &UserId,
    pattern: &str,
    after: &str,
) -> Outcome<RoomsPage> {
    let end =
        sqlx::query("SELECT room_id FROM public_rooms WHERE room_id > $1 ORDER BY room_id LIMIT 1 OFFSET $2")
            .bind(after)
            .bind(LOOKED_AT - 1)
            .fetch_optional(&mut *connection)
            .await?;
    let end: Option<String> = end.map(|row| row.try_get(0)).transpose()?;
    let rows = sqlx::query(FOUND)
        .bind(after)
        .bind(end.as_deref().unwrap_or(LAST))
        .bind(pattern)
        .bind(user.as_str())
        .bind(PAGE as i64 + 1)
        .fetch_all(connection)
        .await?;
    let rooms: sqlx::Result<Vec<_>> = rows
        .iter()
        .take(PAGE)
        .map(|row| {
            let joined = row.try_get::<i64, _>(3)? != 0;
            Ok(PublicRoom { id: parsed(row, 0)?, name: row.try_get(1)?, members: read_seq(row, 2)?, joined })
        })
        .collect();
    let rooms = rooms?;
    let full = rows.len() > PAGE;
    let next = rooms.last().filter(|_| full).map(|last| last.id.to_string()).or(end);
    Ok(RoomsPage { rooms, next })
}

const FOUND: &str = r"
    SELECT rooms.id, rooms.name, rooms.members,
        (SELECT COUNT(*) FROM members WHERE members.room_id = rooms.id AND members.user_id = $4)
    FROM public_rooms CROSS JOIN rooms
    WHERE rooms.id = public_rooms.room_id AND public_rooms.room_id > $1 AND public_rooms.room_id <= $2 AND public_rooms.folded LIKE $3 ESCAPE '\'
    ORDER BY public_rooms.room_id LIMIT $5";

/// Folds what a migration could not.
pub(crate) async fn fold_earlier(store: &Store) -> Result<(), StoreError> {
    loop {
        let mut tx = store.write().await?;
        let rows = sqlx::query(
            "SELECT public_rooms.room_id, rooms.name
             FROM public_rooms CROSS JOIN rooms
             WHERE rooms.id = public_rooms.room_id AND public_rooms.folded IS NULL ORDER BY public_rooms.room_id LIMIT $1",
        )
        .bind(FOLDED_AT_ONCE)
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            let room: RoomId = parsed(row, 0)?;
            sqlx::query("UPDATE public_rooms SET folded = $2 WHERE room_id = $1 AND folded IS NULL")
                .bind(room.as_str())
                .bind(fold(row.try_get(1)?, &room))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_store::{Durability, StoreOptions};
    use sqlx::AssertSqlSafe;

    #[test]
    fn nothing_in_a_query_is_a_wildcard() {
        assert_eq!(pattern(""), "%%");
        assert_eq!(pattern("100%_A\\"), "%100\\%\\_a\\\\%");
    }

    #[tokio::test]
    async fn a_page_walks_the_public_rooms_in_their_order_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            durability: Durability::None,
            ..StoreOptions::new(folder.path().join("plan.db"), [7; 16])
        };
        let store = Store::open(options, crate::MIGRATIONS).await.unwrap();
        let mut reader = store.read().await.unwrap();
        let explained = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {FOUND}"));
        let plan = sqlx::query(explained).fetch_all(&mut *reader).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
        assert!(steps.iter().all(|step| !step.starts_with("SCAN") || step.contains("CONSTANT")), "{steps:?}");
        assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{steps:?}");
    }
}
