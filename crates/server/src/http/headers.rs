//! What a browser is told not to do with our pages and answers.

use super::problem::Refusal;
use axum::{extract::Request, middleware::Next, response::Response};
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use std::time::Duration;
use tokio::time::Instant;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Only what this server serves, nothing inline, in nobody's frame; sockets by the two ways there are, and to where the
/// page was told that its server is. Pictures and sounds of other servers too: messages name them, and the page loads
/// them when its reader asks for them (docs/decisions/0017-pictures-that-lie-elsewhere.md).
fn content_security_policy(api_base_url: &str) -> String {
    let api = if api_base_url.is_empty() { String::new() } else { format!(" {api_base_url}") };
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; \
         media-src 'self' https:; \
         connect-src 'self' ws: wss:{api}; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; \
         form-action 'self'"
    )
}

/// Sent with every answer but a socket's, beside the policy.
const SECURITY: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
];

/// Adds the security headers.
pub(super) fn security(
    api_base_url: &str,
) -> impl Fn(Request, Next) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static {
    let policy = HeaderValue::from_str(&content_security_policy(api_base_url)).ok();
    move |request, next| {
        let policy = policy.clone();
        Box::pin(async move {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            for (name, value) in SECURITY {
                headers.insert(name, HeaderValue::from_static(value));
            }
            if let Some(policy) = policy {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            response
        })
    }
}

/// Answers of the API are somebody's own: nobody in between keeps them.
pub(super) async fn uncached(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Which pages of other origins may call the API. Without credentials: who asks stands in `Authorization`.
pub(super) fn cors(origins: &[String]) -> CorsLayer {
    let list = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(list))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}

/// When a request ends. Every one's extensions carry it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

/// Ends a request that takes longer than `limit`, body included.
pub(super) async fn deadline(limit: Duration, mut request: Request, next: Next) -> Response {
    use axum::response::IntoResponse;
    let end = Instant::now() + limit;
    request.extensions_mut().insert(Deadline(end));
    tokio::time::timeout_at(end, next.run(request)).await.unwrap_or_else(|_| {
        Refusal::bad_request(StatusCode::REQUEST_TIMEOUT, "The request took too long. Send it again.")
            .into_response()
    })
}
