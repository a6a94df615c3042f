//! A whole node in this process, whose clock the tests hold.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

mod cluster;
mod failing;
mod guests;
mod node;
mod retention;
