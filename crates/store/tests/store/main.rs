//! The store on real files.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod alongside;
mod backup;
mod damage;
mod full;
mod keeping;
mod reaching;
mod server;
mod support;
mod turns;
mod wal_growth;
