//! The server on a real listener, asked over real TCP by clients of the tests' own, which can do what a good client
//! never does: read nothing, break off, and send anything at all.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

mod acks;
mod asking_many;
mod broadcast;
mod connect;
mod dynamic;
mod fetching;
mod heartbeat;
mod hostile;
mod hostile_half_open;
mod hostile_overload;
mod hostile_packets;
mod hostile_slow;
mod idle;
mod in_flight;
mod limits;
mod middleware;
mod msgpack;
mod order;
mod origins;
mod panics;
mod reasons;
mod recovery;
mod recovery_bounds;
mod rooms;
mod shutdown;
mod slow;
mod support;
mod upgrade;
mod volatile;
mod websocket_closing;
mod websocket_compression;
mod websocket_frames;
mod websocket_received;
mod websocket_text;
mod writes;
