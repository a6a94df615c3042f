//! The WebSocket opening handshake, server side (RFC 6455, section 4.2).

use crate::engine::deflate;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use sha1::{Digest, Sha1};

/// Appended to the client's key before hashing (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks for a WebSocket, well or badly.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    has_token(headers, header::UPGRADE, "websocket")
}

/// The 101 that accepts, and whether it agreed on compression, to which `compress` says that the server is ready; `None`
/// when the request breaks a rule.
pub(crate) fn accept<B: Default>(
    method: &Method,
    headers: &HeaderMap,
    compress: bool,
) -> Option<(Response<B>, bool)> {
    let valid = method == Method::GET
        && has_token(headers, header::CONNECTION, "upgrade")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    if !valid || STANDARD.decode(key).ok()?.len() != 16 {
        return None;
    }
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let accepted = HeaderValue::from_str(&STANDARD.encode(digest)).ok()?;
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    answer.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
    let compress = compress && deflate::is_offered(headers);
    if compress {
        answer.insert(header::SEC_WEBSOCKET_EXTENSIONS, deflate::AGREED);
    }
    Some((response, compress))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        headers
    }

    #[test]
    fn the_rfcs_example_is_accepted() {
        let (response, compress) = accept::<()>(&Method::GET, &request(), true).unwrap();
        assert!(!compress && !response.headers().contains_key(header::SEC_WEBSOCKET_EXTENSIONS));
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn compression_is_agreed_on_when_both_want_it() {
        let mut headers = request();
        let offer = HeaderValue::from_static("permessage-deflate; client_max_window_bits");
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, offer);
        let (response, compress) = accept::<()>(&Method::GET, &headers, true).unwrap();
        assert!(compress && response.headers()[header::SEC_WEBSOCKET_EXTENSIONS] == deflate::AGREED);
        let (response, compress) = accept::<()>(&Method::GET, &headers, false).unwrap();
        assert!(!compress && !response.headers().contains_key(header::SEC_WEBSOCKET_EXTENSIONS));
    }

    #[test]
    fn a_broken_rule_is_refused() {
        assert!(accept::<()>(&Method::POST, &request(), false).is_none());
        for (name, value) in [
            (header::CONNECTION, "close"),
            (header::SEC_WEBSOCKET_VERSION, "8"),
            (header::SEC_WEBSOCKET_KEY, "c2hvcnQ="),
        ] {
            let mut headers = request();
            headers.insert(name, HeaderValue::from_static(value));
            assert!(accept::<()>(&Method::GET, &headers, false).is_none());
        }
    }
}
