//! The HTTP request that makes a connection a WebSocket. Its key is always that of RFC 6455, 1.3, and so is the answer's.

/// What Socket.IO servers answer below.
const PATH: &str = "/socket.io/?EIO=4&transport=websocket";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What the client says. No extension is offered, so nothing is compressed.
#[must_use]
pub fn request(host: &str) -> Vec<u8> {
    format!(
        "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// What the floor answers to [`request`], and to no other key.
#[must_use]
pub fn answer() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
    .into_bytes()
}

/// Where the head of a request or an answer ends, once it is there.
#[must_use]
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Whether an answer's head accepts the upgrade.
#[must_use]
pub fn accepted(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.1 101") && head.windows(ACCEPT.len()).any(|part| part == ACCEPT.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_accepted_and_a_refusal_is_not() {
        let answer = answer();
        assert_eq!(head_end(&answer), Some(answer.len()));
        assert!(accepted(&answer));
        assert!(!accepted(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"));
        assert_eq!(head_end(b"HTTP/1.1 101 Switching"), None);
    }
}
