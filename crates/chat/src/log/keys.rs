//! Which message of a room has which key: in SQLite, where an index of its own would cost each message as much again as
//! the message itself.
//!
//! Keys lie anywhere in their order, so that in an index each new one changes a page that no other one does, and the whole
//! page goes to the disk. Therefore the newest are held in memory, where a restart finds them again by the number of
//! their event, and go into the table of keys later: in their order, a room's all together, many to a page. A pass goes
//! once through all of that order, a little of it with each batch; what is said to be in the table is what the last whole
//! pass has put there.
//!
//! In PostgreSQL an index does it: it writes a row and not a page, and is there for all nodes.

use super::event;
use crate::{sqlite, words};
use plaza_protocol::{ClientId, RoomId, Seq, UserId};
use plaza_store::Dialect;
use sqlx::{AnyConnection, Row as _};
use std::{collections::HashMap, sync::Arc};

/// How many keys are held in memory: some 3 MB.
pub(super) const HELD: usize = 16_384;
/// A start reads up to so many times as many from the log, since a pass that was not done begins anew. If there are more,
/// all go into the table at once.
const MOST_READ: usize = 4;

/// A room, a sender, and the sender's own name for a message. In one piece, in the order that the table has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(Arc<str>);

impl Key {
    pub(super) fn of(room: &RoomId, sender: &UserId, client_id: &ClientId) -> Self {
        Self::from_parts(room.as_str(), sender.as_str(), client_id.as_str())
    }

    /// None of them has a NUL.
    fn from_parts(room: &str, sender: &str, client_id: &str) -> Self {
        Self([room, sender, client_id].join("\0").into())
    }

    pub(super) fn parts(&self) -> [&str; 3] {
        let mut parts = self.0.splitn(3, '\0');
        [(); 3].map(|()| parts.next().unwrap_or_default())
    }
}

/// Where keys are found.
pub(crate) enum Keys {
    /// All in an index of the database's.
    Indexed,
    /// The newest in memory, the others in a table.
    Held(Held),
}

impl Keys {
    /// As the store has them, to hold so many; none, where others write there too.
    pub(super) async fn read(tx: &mut AnyConnection, most: usize) -> sqlx::Result<Self> {
        Ok(match Dialect::of(tx) {
            Dialect::Sqlite => Self::Held(Held::read(tx, most).await?),
            Dialect::Postgres => Self::Indexed,
        })
    }

    /// Where the message stands, if that is known without asking the store.
    pub(super) fn seq(&self, key: &Key) -> Option<Seq> {
        match self {
            Self::Indexed => None,
            Self::Held(held) => held.newest.get(key).copied(),
        }
    }

    /// A message that is new.
    pub(super) fn add(&mut self, key: Key, seq: Seq) {
        if let Self::Held(held) = self {
            held.newest.insert(key, seq);
        }
    }

    /// Puts into the table what is too much for memory.
    pub(super) async fn file(&mut self, tx: &mut AnyConnection) -> sqlx::Result<()> {
        match self {
            Self::Indexed => Ok(()),
            Self::Held(held) => held.file(tx).await,
        }
    }
}

/// The keys that are not in the table.
pub(crate) struct Held {
    most: usize,
    newest: HashMap<Key, Seq>,
    /// Those of them that the pass has still to go through, in their order.
    due: std::vec::IntoIter<Key>,
    /// The number of the newest event of when it began.
    began_at: i64,
}

impl Held {
    async fn read(tx: &mut AnyConnection, most: usize) -> sqlx::Result<Self> {
        let counted = sqlx::query(sqlite::KEYS_MISSING).fetch_one(&mut *tx).await?;
        let (began_at, missing): (i64, i64) = (counted.try_get(0)?, counted.try_get(1)?);
        if missing.unsigned_abs() as usize > MOST_READ * most {
            sqlx::query(sqlite::FILE_ALL_KEYS).execute(&mut *tx).await?;
            sqlx::query(sqlite::KEYS_FILED).bind(began_at).execute(&mut *tx).await?;
        }
        let row = sqlx::query(sqlite::UNFILED_KEYS).fetch_one(tx).await?;
        let keys: Vec<(String, String, String, Seq)> =
            serde_json::from_str(row.try_get(0)?).map_err(event::decode)?;
        let newest = keys.iter().map(|(room, sender, name, seq)| (Key::from_parts(room, sender, name), *seq));
        Ok(Self::begin(most, newest.collect(), began_at))
    }

    fn begin(most: usize, newest: HashMap<Key, Seq>, began_at: i64) -> Self {
        let mut due: Vec<Key> = newest.keys().cloned().collect();
        due.sort_unstable();
        Self { most, newest, due: due.into_iter(), began_at }
    }

    async fn file(&mut self, tx: &mut AnyConnection) -> sqlx::Result<()> {
        loop {
            let too_many = self.newest.len().saturating_sub(self.most);
            if too_many == 0 {
                return Ok(());
            }
            if self.due.len() == 0 {
                let began_at = sqlx::query(sqlite::NEWEST_NUMBER).fetch_one(&mut *tx).await?.try_get(0)?;
                *self = Self::begin(self.most, std::mem::take(&mut self.newest), began_at);
            }
            let filed: Vec<Key> = self.due.by_ref().take(too_many).collect();
            let rows: Vec<_> = filed
                .iter()
                .map(|key| {
                    let [room, sender, client_id] = key.parts();
                    (room, sender, client_id, self.newest.remove(key))
                })
                .collect();
            sqlx::query(sqlite::FILE_KEYS).bind(words::rows(&rows)?).execute(&mut *tx).await?;
            if self.due.len() == 0 {
                // All that there were when the pass began are in the table.
                sqlx::query(sqlite::KEYS_FILED).bind(self.began_at).execute(&mut *tx).await?;
            }
        }
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
