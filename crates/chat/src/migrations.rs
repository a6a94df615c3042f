//! The tables' layout, step by step. A released step never changes.

use plaza_store::Migration;

/// For [`plaza_store::Store::open`].
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "users, sessions, rooms, members, events",
        sql: include_str!("../migrations/0001_accounts_rooms_log.sql"),
    },
    Migration { version: 2, name: "by expiry", sql: include_str!("../migrations/0002_expiry.sql") },
    Migration { version: 3, name: "ordinals", sql: include_str!("../migrations/0003_ordinals.sql") },
    Migration {
        version: 4,
        name: "member counts",
        sql: include_str!("../migrations/0004_member_counts.sql"),
    },
    Migration {
        version: 5,
        name: "roles, bans, blocks, public rooms",
        sql: include_str!("../migrations/0005_roles_bans_blocks.sql"),
    },
    Migration { version: 6, name: "presence", sql: include_str!("../migrations/0006_presence.sql") },
    Migration {
        version: 7,
        name: "looks, sessions, administrators",
        sql: include_str!("../migrations/0007_looks_sessions_administrators.sql"),
    },
    Migration { version: 8, name: "retention", sql: include_str!("../migrations/0008_retention.sql") },
];
