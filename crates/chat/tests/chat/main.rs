//! Chat as its callers see it, on a real store in a folder that is thrown away.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod accounts;
mod contention;
mod devices;
mod direct;
mod discover;
mod failures;
mod history;
mod log;
mod looks;
mod migrating;
mod model;
mod moving;
mod new_passwords;
mod nodes;
mod randomness;
mod recent;
mod recent_measure;
mod retention;
mod roles;
mod rooms;
mod sessions;
mod world;
