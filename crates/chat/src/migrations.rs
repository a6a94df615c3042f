//! The tables' layout, step by step. A released step never changes. A later step has words for each database, and says
//! which older nodes can use what it leaves, for they may be at work beside it.

use plaza_store::Migration;

/// For [`plaza_store::Store::open`].
pub const MIGRATIONS: &[Migration] = &[
    early(
        1,
        "users, sessions, rooms, members, events",
        include_str!("../migrations/0001_accounts_rooms_log.sql"),
    ),
    early(2, "by expiry", include_str!("../migrations/0002_expiry.sql")),
    early(3, "ordinals", include_str!("../migrations/0003_ordinals.sql")),
    early(4, "member counts", include_str!("../migrations/0004_member_counts.sql")),
    early(5, "roles, bans, blocks, public rooms", include_str!("../migrations/0005_roles_bans_blocks.sql")),
    early(6, "presence", include_str!("../migrations/0006_presence.sql")),
    early(
        7,
        "looks, sessions, administrators",
        include_str!("../migrations/0007_looks_sessions_administrators.sql"),
    ),
    Migration::new(8, "retention", include_str!("../migrations/0008_retention.sql"))
        .in_postgres(Some(include_str!("../migrations/postgres_0008_layout.sql"))),
    Migration::new(9, "webhooks", include_str!("../migrations/0009_webhooks.sql")),
    Migration::new(10, "nodes", include_str!("../migrations/0010_nodes.sql"))
        .in_postgres(Some(include_str!("../migrations/postgres_0010_nodes.sql")))
        .usable_from(9),
    Migration::new(11, "keys of messages", include_str!("../migrations/0011_message_keys.sql"))
        .in_postgres(None),
];

/// All tables that both databases have and that are worth keeping, those that others refer to first. For
/// [`plaza_store::move_store`].
pub const TABLES: &[&str] = &[
    "users",
    "sessions",
    "refresh_tokens",
    "reset_links",
    "secrets",
    "rooms",
    "members",
    "events",
    "cut_messages",
    "bans",
    "blocks",
    "public_rooms",
    "webhooks",
    "webhook_rooms",
    "webhook_keys",
];

/// One of before there was PostgreSQL, which begins at the eighth.
const fn early(version: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration::new(version, name, sql).in_postgres(None)
}
