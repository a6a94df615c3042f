//! The documents of both interfaces, made of the code that serves them: OpenAPI of HTTP, AsyncAPI of the sockets, and
//! a page that shows them.
//!
//! Committed copies stand in `docs/api`; a test fails when they and the code part.

mod asyncapi;
mod openapi;
mod page;

pub use asyncapi::asyncapi;
pub(crate) use openapi::{finish as finish_openapi, start as openapi};

use aide::openapi::OpenApi;
use axum::{Router, response::IntoResponse, routing::get};
use http::{HeaderValue, header};
use serde_json::Value;

/// The document of version 1 of the API, under `/api/v1`.
pub fn openapi_json() -> Value {
    let (_, document) = crate::http::v1(true);
    json(&document)
}

/// `/openapi.json`, `/asyncapi.json` and `/docs`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> Router<S> {
    let (openapi, asyncapi) = (json(document), asyncapi());
    let page = page::page(&openapi, &asyncapi);
    Router::new()
        .route("/openapi.json", file("application/json", openapi.to_string()))
        .route("/asyncapi.json", file("application/json", asyncapi.to_string()))
        .route("/docs", file("text/html; charset=utf-8", page))
        .route("/docs/page.css", file("text/css; charset=utf-8", page::STYLE.to_owned()))
}

fn json(document: &OpenApi) -> Value {
    // A document made of schemas is JSON already; there is nothing in it that could not be written.
    serde_json::to_value(document).unwrap_or_default()
}

fn file<S: Clone + Send + Sync + 'static>(
    media_type: &'static str,
    text: String,
) -> axum::routing::MethodRouter<S> {
    let text = axum::body::Bytes::from(text);
    get(async move || {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (headers, text).into_response()
    })
}
