//! What HTTP is answered where HTTPS is spoken: a browser that was given the address without its `s` finds the way, and
//! everything else is told why it is not served. What it has sent went over the wire in the clear, so it is not acted on.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, uri::Authority};

/// Answers any request.
pub(super) fn router() -> Router {
    Router::new().fallback(refuse)
}

async fn refuse(request: Request) -> Response {
    let elsewhere = matches!(*request.method(), Method::GET | Method::HEAD)
        .then(|| secure_address(request.headers(), &request))
        .flatten();
    let mut response = match elsewhere {
        Some(location) => {
            let mut response =
                (StatusCode::PERMANENT_REDIRECT, "This address is served over HTTPS.\n").into_response();
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        None => (
            StatusCode::BAD_REQUEST,
            "This port speaks HTTPS: ask again with https:// in place of http://, and wss:// in place of ws://.\n",
        )
            .into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The same, over HTTPS; for a page, not for a socket, which no client would follow.
fn secure_address(headers: &HeaderMap, request: &Request) -> Option<HeaderValue> {
    if headers.contains_key(header::UPGRADE) {
        return None;
    }
    let authority: Authority = headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    // Nobody is sent on with a name and a password in front of the address.
    if authority.as_str().contains('@') {
        return None;
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    HeaderValue::from_str(&format!("https://{authority}{path}")).ok()
}
