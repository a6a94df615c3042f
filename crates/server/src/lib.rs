//! Plaza's server: everything of the binary `plaza` but its command line.
//!
//! [`start`] turns settings into a listener and data, [`serve`] turns those into a node at work. What comes in over
//! HTTP is `http`'s and `web`'s, what comes in over sockets the [`gateway`]'s; both ask `plaza_chat`. [`console`] is
//! the other side: `plaza chat`.

pub mod admin;
pub mod alerts;
pub mod backup;
pub mod bench;
pub mod client_addr;
pub mod config;
pub mod console;
pub mod database;
pub mod documents;
pub mod gateway;
mod http;
pub mod limits;
mod meter;
mod open_files;
pub mod roles;
pub mod serve;
mod signals;
pub mod start;
pub mod telemetry;
pub mod tls;
mod web;
mod zalo;

/// Plaza's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
