//! The bus as nodes use it, with real servers.

mod cluster;
mod failures;
mod local;
mod node;
mod one;
mod passwords;
mod shards;
