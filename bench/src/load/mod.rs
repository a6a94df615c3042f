//! The load: many clients in one process and one thread, which send, receive, and check what they receive.

pub mod audit;
mod clients;
pub(crate) mod connect;
pub mod dialect;
mod join;
pub mod mark;
mod outbox;
mod pace;
pub mod rooms;
mod run;
pub mod spec;
mod window;

pub use run::run;
