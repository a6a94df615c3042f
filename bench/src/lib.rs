//! Measures what a message and a connection cost a server: Plaza, Node.js, socketioxide, and the least that the kernel asks.
//!
//! `main` plans and runs; it starts the servers on one processor and the load, which is this program again, on another.

pub mod capacity;
pub mod cpu;
pub mod floor;
pub mod limits;
pub mod load;
pub mod long_log;
pub mod memory;
pub mod peers;
pub mod plan;
pub mod process;
pub mod progress;
pub mod report;
pub mod runner;
pub mod scaling;
pub mod short;
pub mod wire;
