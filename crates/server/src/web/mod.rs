//! The browser client, served from the binary itself.
//!
//! Files under `/assets/` carry a hash of their content in their names and are kept for ever; everything else is asked
//! for again each time and answered 304 while it is the same. The client's own routes all get its one page.

use crate::config;
use axum::{
    Json,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

/// The web client, where it was built before the server; `cargo build` needs no npm.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Client;

/// One page that says that it was not.
#[derive(RustEmbed)]
#[folder = "src/web/stand-in"]
struct StandIn;

/// The page that runs the client.
const PAGE: &str = "index.html";
/// `/history/ROOM` is the client's route whatever characters the room's id has, a dot among them.
const HISTORY: &str = "history";

/// Whether the web client was built into this binary.
pub(crate) fn is_built() -> bool {
    Client::get(PAGE).is_some()
}

fn file(name: &str) -> Option<EmbeddedFile> {
    if is_built() { Client::get(name) } else { StandIn::get(name) }
}

/// `/config.json`: what the page is told before it begins. One that is hosted elsewhere has its own beside it.
pub(crate) fn settings<S: Clone + Send + Sync + 'static>(web: &config::Web) -> MethodRouter<S> {
    let settings = serde_json::json!({ "apiBaseUrl": web.api_base_url });
    get(move || async move { ([(header::CACHE_CONTROL, "no-cache")], Json(settings)) })
}

/// Answers everything that is not the API, a socket or `/health`.
pub(crate) async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "Method not allowed.\n")
            .into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let name = if is_route(path) { PAGE } else { path };
    match file(name) {
        Some(file) => answer(name, file, request.headers()),
        None => (StatusCode::NOT_FOUND, "Not found.\n").into_response(),
    }
}

/// Whether the client, not the server, knows what a path means: its own routes, and what looks like no file.
fn is_route(path: &str) -> bool {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    match first {
        "assets" | "socket.io" => false,
        HISTORY if !rest.trim_end_matches('/').contains('/') => true,
        _ => !path.contains('.'),
    }
}

fn answer(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let etag = etag(&file);
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(name)));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, value);
    }
    if is_current(asked, &etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if let Ok(value) = HeaderValue::from_str(&content_type(file.metadata.mimetype())) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    (headers, Body::from(file.data)).into_response()
}

/// Half of the content's SHA-256, in quotes.
fn etag(file: &EmbeddedFile) -> String {
    let hex: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether the asker holds this content already (RFC 9110 §13.1.2).
fn is_current(asked: &HeaderMap, etag: &str) -> bool {
    asked.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').map(str::trim).any(|held| held == "*" || held.trim_start_matches("W/") == etag)
    })
}

fn cache_control(name: &str) -> &'static str {
    if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

/// Text is UTF-8, and says so.
fn content_type(mime: &str) -> String {
    if mime.starts_with("text/") && !mime.contains("charset") {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_routes_are_told_from_files() {
        for route in ["", "history/general", "history/a.b", "history/a.b/", "login", "history"] {
            assert!(is_route(route), "{route}");
        }
        for file in
            ["favicon.svg", "assets/index-abc.js", "assets/none", "socket.io/x", "history/a/b.js", "a.b"]
        {
            assert!(!is_route(file), "{file}");
        }
    }

    #[test]
    fn only_hashed_files_are_kept_for_ever() {
        assert!(cache_control("assets/index-abc.js").contains("immutable"));
        assert_eq!(cache_control(PAGE), "no-cache");
    }

    #[test]
    fn a_held_copy_is_recognised_in_any_writing() {
        for (held, same) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false)]
        {
            let mut asked = HeaderMap::new();
            asked.insert(header::IF_NONE_MATCH, held.parse().unwrap());
            assert_eq!(is_current(&asked, "\"a\""), same, "{held}");
        }
    }

    #[test]
    fn the_page_is_there_and_is_html() {
        for page in [file(PAGE), StandIn::get(PAGE)] {
            let page = page.expect("index.html is embedded");
            assert_eq!(content_type(page.metadata.mimetype()), "text/html; charset=utf-8");
            let text = String::from_utf8(page.data.to_vec()).unwrap();
            assert!(!text.contains("style=") && !text.contains("<style"), "the policy forbids inline style");
        }
    }
}
