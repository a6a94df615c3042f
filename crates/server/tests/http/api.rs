//! The API, health and the page.

use crate::node::*;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn an_account_from_registering_to_logging_out() {
    let node = Node::start(&[]).await;
    let tokens = node.register("Simon").await;
    assert_eq!(tokens["user"]["name"], "Simon");
    assert_eq!(tokens["accessTokenExpiresInMs"], 900_000);
    let body = json!({"name": "Simon", "password": "a long password"});
    problem(node.post("/api/v1/register", &body), 409, "conflict").await;
    let wrong = json!({"name": "Simon", "password": "another password"});
    problem(node.post("/api/v1/login", &wrong), 401, "unauthorized").await;
    let answer = node.post("/api/v1/login", &body).send().await.unwrap();
    assert_eq!((answer.status(), header(&answer, "cache-control")), (StatusCode::OK, "no-store"));
    let tokens: Value = answer.json().await.unwrap();

    let held = json!({"refreshToken": tokens["refreshToken"]});
    let fresh: Value = node.post("/api/v1/refresh", &held).send().await.unwrap().json().await.unwrap();
    assert_ne!(fresh["refreshToken"], tokens["refreshToken"]);
    let access = fresh["accessToken"].as_str().unwrap();
    let me: Value = node.get("/api/v1/me").bearer_auth(access).send().await.unwrap().json().await.unwrap();
    assert_eq!(me["user"], tokens["user"]);

    let held = json!({"refreshToken": fresh["refreshToken"]});
    let out = node.post("/api/v1/logout", &held).bearer_auth(access).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    problem(node.post("/api/v1/refresh", &held), 401, "unauthorized").await;
    node.stop().await;
}

#[tokio::test]
async fn a_token_counts_only_in_its_header() {
    let node = Node::start(&[]).await;
    let tokens = node.register("Ana").await;
    let token = tokens["accessToken"].as_str().unwrap();
    let in_query = format!("/api/v1/me?token={token}&access_token={token}");
    problem(node.get(&in_query), 401, "unauthorized").await;
    problem(node.get("/api/v1/me").bearer_auth("nonsense"), 401, "unauthorized").await;
    let refused = node.get("/api/v1/me").send().await.unwrap();
    assert_eq!(header(&refused, "www-authenticate"), "Bearer");
    node.stop().await;
}

#[tokio::test]
async fn history_answers_members_and_nobody_else() {
    let node = Node::start(&[]).await;
    let tokens = node.register("Ana").await;
    let ask = |path: &str| node.get(path).bearer_auth(tokens["accessToken"].as_str().unwrap());
    let unknown = problem(ask("/api/v1/rooms/nowhere/events"), 404, "not_found").await;
    let unreadable = problem(ask("/api/v1/rooms/no%20room/events"), 404, "not_found").await;
    assert_eq!(unknown, unreadable);
    problem(ask("/api/v1/rooms/%ff/events"), 404, "not_found").await;
    problem(ask("/api/v1/rooms/nowhere/events?before=x"), 400, "bad_request").await;
    problem(ask("/api/v1/rooms/nowhere/events?befor=1"), 400, "bad_request").await;
    problem(node.get("/api/v1/rooms/nowhere/events"), 401, "unauthorized").await;
    node.stop().await;
}

#[tokio::test]
async fn whatever_goes_wrong_under_api_is_problem_details() {
    let node = Node::start(&[]).await;
    for path in ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/me", "/api/v1/me/more"] {
        problem(node.get(path), 404, "not_found").await;
    }
    problem(node.get("/api/v1/login"), 405, "bad_request").await;
    problem(node.http.delete(node.url("/api/v1/me")), 405, "bad_request").await;
    let login = || node.http.post(node.url("/api/v1/login"));
    problem(login().body("{}"), 415, "bad_request").await;
    let json = || login().header("content-type", "application/json");
    for body in
        ["{\"name\":", "{\"name\":\"a\"}", "{\"name\":\"a\",\"password\":\"long enough\",\"admin\":true}"]
    {
        problem(json().body(body), 400, "bad_request").await;
    }
    problem(json().body(format!("\"{}\"", "x".repeat(64 * 1024))), 413, "too_large").await;
    node.stop().await;
}

#[tokio::test]
async fn too_many_tries_are_told_when_to_come_again() {
    let node = Node::start(&[
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_LIMITS__LOGIN__NAME_BURST", "2"),
        ("PLAZA_LIMITS__LOGIN__NAME_PER_MINUTE", "1"),
    ])
    .await;
    let body = json!({"name": "Nobody", "password": "a long password"});
    for _ in 0..2 {
        problem(node.post("/api/v1/login", &body), 401, "unauthorized").await;
    }
    let refused = problem(node.post("/api/v1/login", &body), 429, "rate_limited").await;
    let wait = refused["retryAfterMs"].as_u64().unwrap();
    assert!((30_000..=60_000).contains(&wait) && refused["retryable"] == true, "{refused}");
    let answer = node.post("/api/v1/login", &body).send().await.unwrap();
    assert!((30..=60).contains(&header(&answer, "retry-after").parse::<u64>().unwrap()));
    node.stop().await;
}

#[tokio::test]
async fn staying_signed_in_and_signing_out_are_limited_too() {
    let node = Node::start(&[
        ("PLAZA_LIMITS__EXEMPT_LOOPBACK", "false"),
        ("PLAZA_LIMITS__REFRESH__ADDRESS_BURST", "2"),
        ("PLAZA_LIMITS__REFRESH__ADDRESS_PER_MINUTE", "1"),
        ("PLAZA_LIMITS__LOGOUT__ADDRESS_BURST", "1"),
        ("PLAZA_LIMITS__LOGOUT__ADDRESS_PER_MINUTE", "1"),
    ])
    .await;
    let body = json!({"refreshToken": "nobody's"});
    for _ in 0..2 {
        problem(node.post("/api/v1/refresh", &body), 401, "unauthorized").await;
    }
    problem(node.post("/api/v1/refresh", &body), 429, "rate_limited").await;
    assert_eq!(node.post("/api/v1/logout", &body).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    problem(node.post("/api/v1/logout", &body), 429, "rate_limited").await;
    node.stop().await;
}

#[tokio::test]
async fn a_proxys_word_counts_only_from_a_trusted_proxy() {
    let limits =
        [("PLAZA_LIMITS__LOGIN__ADDRESS_BURST", "1"), ("PLAZA_LIMITS__LOGIN__ADDRESS_PER_MINUTE", "1")];
    let trusting = [limits[0], limits[1], ("PLAZA_SERVER__TRUSTED_PROXIES", "127.0.0.1")];
    for (settings, last) in [(&limits[..], 429), (&trusting[..], 401)] {
        let node = Node::start(settings).await;
        let try_from = async |addr: &str, name: &str| {
            let body = json!({"name": name, "password": "a long password"});
            let request = node.post("/api/v1/login", &body).header("x-forwarded-for", addr);
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(try_from("203.0.113.1", "Nobody1").await, 401);
        assert_eq!(try_from("203.0.113.1", "Nobody2").await, 429);
        assert_eq!(try_from("203.0.113.2", "Nobody3").await, last);
        node.stop().await;
    }
}

#[tokio::test]
async fn health_tells_the_node_and_its_version() {
    let node = Node::start(&[]).await;
    let health: Value = node.get("/health").send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["node"], "t1");
    assert_eq!(health["version"], plaza_server::VERSION);
    assert_eq!(health["connections"], 0);
    assert!(health["uptimeSeconds"].as_u64().unwrap() < 60);
    node.stop().await;
}

#[tokio::test]
async fn the_page_is_guarded_and_cached() {
    let node = Node::start(&[]).await;
    let page = node.get("/").send().await.unwrap();
    assert_eq!((page.status(), header(&page, "content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(header(&page, "x-content-type-options"), "nosniff");
    assert_eq!(header(&page, "cache-control"), "no-cache");
    let etag = header(&page, "etag").to_owned();
    let html = page.text().await.unwrap();
    for asset in html.split('"').filter(|text| text.starts_with("/assets/")) {
        let answer = node.get(asset).send().await.unwrap();
        assert_eq!(header(&answer, "cache-control"), "public, max-age=31536000, immutable", "{asset}");
    }
    let again = node.get("/history/general").header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.text().await.unwrap(), "");
    for missing in ["/assets/none.js", "/none.png", "/assets/none"] {
        assert_eq!(node.get(missing).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{missing}");
    }
    assert_eq!(node.post("/", &json!({})).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    node.stop().await;

    let bare = Node::start(&[("PLAZA_WEB__ENABLED", "false")]).await;
    assert_eq!(bare.get("/").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    bare.stop().await;
}

#[tokio::test]
async fn other_origins_are_allowed_by_name_only() {
    let node = Node::start(&[("PLAZA_SERVER__ALLOWED_ORIGINS", "https://app.example")]).await;
    for (origin, allowed) in [("https://app.example", "https://app.example"), ("https://evil.example", "")] {
        let preflight = node
            .http
            .request(reqwest::Method::OPTIONS, node.url("/api/v1/login"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send()
            .await
            .unwrap();
        assert_eq!(header(&preflight, "access-control-allow-origin"), allowed);
    }
    node.stop().await;
}
