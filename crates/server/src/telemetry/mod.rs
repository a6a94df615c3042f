//! What the operator sees of a node at work: its log.

pub mod log;
