//! What goes over a connection: WebSocket frames and Socket.IO packets, as bytes, for the load and for the floor.

pub mod handshake;
pub mod packet;
pub mod websocket;
