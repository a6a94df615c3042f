//! The bus as nodes use it, with real servers.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

mod cache;
mod cluster;
mod failures;
mod local;
mod measure;
mod node;
mod one;
mod passwords;
mod promise;
mod scripted;
mod shards;
mod tls;
