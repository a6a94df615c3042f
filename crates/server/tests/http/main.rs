//! What Plaza answers over HTTP, by a node on a real listener.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod api;
mod arrivals;
mod authority;
mod bodies;
mod connections;
mod deadlines;
mod floods;
mod node;
mod operator;
mod privacy;
mod rates;
mod security;
mod sessions;
mod socket;
mod strangers;
mod tls;
mod tokens;
mod webhooks;
mod zalo;
