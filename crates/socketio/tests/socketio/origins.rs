//! Which pages may talk to the server: what a browser is told, and what it is refused.

use crate::support::{Polling, Response, Server, ask, one, upgrade};
use plaza_socketio::{Config, Handlers, Origins};

fn server(origins: Origins) -> Server {
    Server::start(one(Config { origins, ..Config::default() }, Handlers::default()))
}

async fn open(server: &Server, origin: &str) -> Response {
    ask(server.addr, "GET", "transport=polling", &[&format!("origin: {origin}")], b"").await
}

async fn websocket(server: &Server, origin: &str) -> u16 {
    upgrade(server.addr, "transport=websocket", &[&format!("origin: {origin}")]).await
}

fn allowed(response: &Response) -> Option<&str> {
    response.header("access-control-allow-origin")
}

#[tokio::test]
async fn its_own_pages_only_by_default() {
    let server = server(Origins::Same);
    let own = format!("http://{}", server.addr);
    let response = open(&server, &own).await;
    assert_eq!((response.status, allowed(&response)), (200, Some(own.as_str())));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(response.header("vary"), Some("Origin"));
    assert_eq!(websocket(&server, &own).await, 101);

    for foreign in ["https://evil.example", "null", &format!("{own}.evil.example")] {
        let response = open(&server, foreign).await;
        assert_eq!((response.status, allowed(&response)), (403, None), "{foreign}");
        assert_eq!(websocket(&server, foreign).await, 403, "{foreign}");
    }
    assert_eq!(server.io.clients(), 1, "the page of its own that polls");
}

#[tokio::test]
async fn a_foreign_page_cannot_take_over_a_session_it_knows() {
    let server = server(Origins::Same);
    let session = Polling::join(&server).await;
    let foreign = "origin: https://evil.example";
    for method in ["GET", "POST", "OPTIONS"] {
        assert_eq!(ask(server.addr, method, &session.query(), &[foreign], b"").await.status, 403);
    }
    let query = format!("transport=websocket&sid={}", session.sid);
    assert_eq!(upgrade(server.addr, &query, &[foreign]).await, 403);
    assert_eq!(session.post(r#"42["mine"]"#).await.body, "ok");
}

#[tokio::test]
async fn pages_of_a_list_and_no_page_at_all_come_in() {
    let server = server(Origins::List(["https://app.example".to_owned()].into()));
    let response = open(&server, "https://app.example").await;
    assert_eq!((response.status, allowed(&response)), (200, Some("https://app.example")));
    assert_eq!(websocket(&server, "https://app.example").await, 101);
    assert_eq!(open(&server, "https://app.example.evil").await.status, 403);
    assert_eq!(websocket(&server, "http://app.example").await, 403);

    // No browser sends it without.
    let response = ask(server.addr, "GET", "transport=polling", &[], b"").await;
    assert_eq!((response.status, allowed(&response)), (200, None));
    assert_eq!(upgrade(server.addr, "transport=websocket", &[]).await, 101);
}

#[tokio::test]
async fn all_pages_come_in_without_credentials() {
    let server = server(Origins::Any);
    let response = open(&server, "https://any.example").await;
    assert_eq!((response.status, allowed(&response)), (200, Some("*")));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    assert_eq!(websocket(&server, "https://any.example").await, 101);
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_is_opened() {
    let server = server(Origins::List(["https://app.example".to_owned()].into()));
    let asked = |origin| {
        [format!("origin: {origin}"), "access-control-request-method: POST".to_owned()]
            .into_iter()
            .chain(["access-control-request-headers: content-type,x-token".to_owned()])
            .collect::<Vec<_>>()
    };
    let headers = asked("https://app.example");
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let response = ask(server.addr, "OPTIONS", "transport=polling", &headers, b"").await;
    assert_eq!((response.status, allowed(&response)), (204, Some("https://app.example")));
    assert_eq!(response.header("access-control-allow-methods"), Some("GET,POST"));
    assert_eq!(response.header("access-control-allow-headers"), Some("content-type,x-token"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));

    let headers = asked("https://evil.example");
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let response = ask(server.addr, "OPTIONS", "transport=polling", &headers, b"").await;
    assert_eq!((response.status, allowed(&response)), (403, None));
    assert_eq!(server.io.clients(), 0);
}

#[tokio::test]
async fn a_page_may_read_why_it_was_refused() {
    let server = server(Origins::Any);
    let origin = ["origin: https://any.example"];
    let response = ask(server.addr, "GET", "transport=polling&sid=unknown", &origin, b"").await;
    assert_eq!((response.status, allowed(&response)), (400, Some("*")));
    assert_eq!(response.body, r#"{"code":1,"message":"Session ID unknown"}"#);
}
