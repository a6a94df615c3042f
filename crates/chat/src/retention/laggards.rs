//! Members who have read less than is about to be cut: what they have not read there is unread no longer, since nobody
//! can read it. Their positions move as if they had read it, in the queue of read positions and before the cut, so that
//! what is unread is the same whether it is subtracted or counted.

use crate::{
    failure::Outcome,
    log::{parsed, read_seq},
    rooms::{ReadJob, ReadQueue},
};
use plaza_protocol::{Code, Error, RoomId, Seq, UserId};
use plaza_store::{Refused, Store, StoreError};
use sqlx::Row;
use std::time::Duration;
use tokio::time::sleep;

/// Members looked at with one statement, and positions that wait in the queue at most.
const AT_ONCE: i64 = 256;
/// How long to wait when the queue is full.
const PATIENCE: Duration = Duration::from_millis(50);

pub(super) const MEMBERS: &str =
    "SELECT user_id, read_seq FROM members WHERE room_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";

/// Moves whoever has not read up to a position there. Who comes in later has read more.
pub(super) async fn read(store: &Store, reads: &ReadQueue, room: &RoomId, upto: Seq) -> Outcome<()> {
    let mut after = String::new();
    loop {
        let mut reader = store.read().await?;
        let rows = sqlx::query(MEMBERS).bind(room.as_str()).bind(after.as_str()).bind(AT_ONCE);
        let rows = rows.fetch_all(&mut *reader).await?;
        drop(reader);
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get(0)?;
        let mut answers = Vec::new();
        for row in &rows {
            if read_seq(row, 1)? < upto {
                answers.push(mark(reads, room, &parsed(row, 0)?, upto).await?);
            }
        }
        for answer in answers {
            match answer.await {
                Ok(Ok(_)) => {}
                // Left meanwhile.
                Ok(Err(Error { code: Code::NotFound, .. })) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(StoreError::Closed.into()),
            }
        }
    }
}

type Answer = tokio::sync::oneshot::Receiver<Result<crate::Marked, Error>>;

async fn mark(reads: &ReadQueue, room: &RoomId, user: &UserId, upto: Seq) -> Outcome<Answer> {
    loop {
        match reads.push(ReadJob::new(room.clone(), user.clone(), upto)) {
            Ok(answer) => return Ok(answer),
            Err(Refused::Full) => sleep(PATIENCE).await,
            Err(Refused::Ended) => return Err(StoreError::Closed.into()),
        }
    }
}
