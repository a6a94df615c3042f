//! What the operator sees of a node at work: its log, its figures, and whether it can serve.

pub(crate) mod health;
pub mod log;
pub(crate) mod metrics;
mod node;
pub(crate) mod operator;
mod process;
