//! Who is in a room.

use super::{place, role, seen};
use crate::{
    Chat, blocks,
    failure::Outcome,
    log::{parsed, read_seq},
    unavailable,
};
use plaza_protocol::{Error, ListMembers, Member, MembersPage, RoomId, RoomKind, User, UserId};
use sqlx::{AnyConnection, Row};

/// Members a page.
const PAGE: usize = 100;

impl Chat {
    /// A page of a room's members, in the order of their ids; in a room small enough for it with how far they have read,
    /// but not how far the other one has in a direct room where one has blocked the other.
    ///
    /// # Errors
    /// `not_found` for one who is no member.
    pub async fn room_members(&self, user: &UserId, request: ListMembers) -> Result<MembersPage, Error> {
        let mut snapshot = self.inner.store.snapshot().await.map_err(unavailable)?;
        let room = seen(&mut snapshot, &request.room_id, user).await?.ok_or_else(Error::no_such_room)?;
        let after = place(request.after);
        let with_read = room.members <= u64::from(self.inner.settings.receipts_room_size);
        let mut page = page(&mut snapshot, &request.room_id, &after, with_read).await?;
        if room.kind == RoomKind::Direct {
            let pair = [(&request.room_id, user)];
            if !blocks::parted(&mut snapshot, &pair).await.map_err(unavailable)?.is_empty() {
                page.members
                    .iter_mut()
                    .filter(|other| other.user.id != *user)
                    .for_each(|m| m.read_seq = None);
            }
        }
        Ok(page)
    }
}

async fn page(
    connection: &mut AnyConnection,
    room: &RoomId,
    after: &str,
    with_read: bool,
) -> Outcome<MembersPage> {
    let rows = sqlx::query(
        "SELECT users.id, users.name, users.guest, members.role, members.read_seq
         FROM members JOIN users ON users.id = members.user_id
         WHERE members.room_id = $1 AND members.user_id > $2 ORDER BY members.user_id LIMIT $3",
    )
    .bind(room.as_str())
    .bind(after)
    .bind(PAGE as i64 + 1)
    .fetch_all(connection)
    .await?;
    let mut members = Vec::with_capacity(rows.len().min(PAGE));
    for row in rows.iter().take(PAGE) {
        let user = User { id: parsed(row, 0)?, name: row.try_get(1)?, guest: row.try_get::<i64, _>(2)? != 0 };
        let read_seq = with_read.then(|| read_seq(row, 4)).transpose()?;
        members.push(Member { user, role: role(row.try_get(3)?)?, read_seq });
    }
    let next = members.last().filter(|_| rows.len() > PAGE).map(|last| last.user.id.as_str().to_owned());
    Ok(MembersPage { members, next })
}
