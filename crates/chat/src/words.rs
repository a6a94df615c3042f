//! The statements that no two databases understand alike: those that work on many rows at once. Which words are a
//! connection's is chosen here and nowhere else; all other statements of this crate are SQL that any of them understands.

use crate::{postgres, sqlite};
use plaza_store::Dialect;
use serde::Serialize;
use sqlx::AnyConnection;

/// A database's own words; what each statement takes and gives is told in `sqlite`.
pub(crate) struct Words {
    pub(crate) memberships: &'static str,
    pub(crate) before_append: &'static str,
    pub(crate) append: &'static str,
    /// `None` where events are found by their keys themselves.
    pub(crate) cut_keys: Option<&'static str>,
    pub(crate) own_up_to: &'static str,
    pub(crate) raise_read: &'static str,
    pub(crate) directly: &'static str,
    pub(crate) blockers: &'static str,
    pub(crate) see_guests: &'static str,
    pub(crate) see_sessions: &'static str,
    pub(crate) ended_sessions: &'static str,
    pub(crate) presence_by_id: &'static str,
    pub(crate) presence_by_key: &'static str,
    pub(crate) see_people: &'static str,
    pub(crate) tops_above: &'static str,
    pub(crate) rooms_not_held: &'static str,
    pub(crate) renew_lease: &'static str,
    pub(crate) begin_lease: &'static str,
    pub(crate) ended_leases: &'static str,
    pub(crate) nodes: &'static str,
    pub(crate) come_online: &'static str,
    pub(crate) go_offline: &'static str,
    pub(crate) online_elsewhere: &'static str,
    pub(crate) hidden: &'static str,
    pub(crate) blocks_among: &'static str,
    pub(crate) last_seen: &'static str,
}

/// The words of the database that a connection is to.
pub(crate) fn words(connection: &AnyConnection) -> &'static Words {
    match Dialect::of(connection) {
        Dialect::Sqlite => &sqlite::WORDS,
        Dialect::Postgres => &postgres::WORDS,
    }
}

/// Rows as the statements take them.
pub(crate) fn rows<T: Serialize>(rows: &[T]) -> sqlx::Result<String> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}
