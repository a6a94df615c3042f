//! Tokens that are not ours, not in time, not meant for this, or no more: refused alike over HTTP and on CONNECT.

use crate::node::*;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use std::time::SystemTime;

const SECRET: &str = "a secret of the test's own, long enough";

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// A token of this header and these claims, signed with this secret by HMAC.
fn signed(header: &Value, claims: &Value, secret: &str, hmac: Algorithm) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, hmac).unwrap())
}

fn claims_of(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// The same claims with one changed, or taken out.
fn but(claims: &Value, key: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(key)),
        value => claims[key] = value,
    }
    claims
}

/// Asks to connect with this token, and gives what is answered.
async fn connect(node: &Node, token: &str) -> String {
    let session = "/socket.io/?EIO=4&transport=polling";
    let open = node.get(session).send().await.unwrap().text().await.unwrap();
    let open: Value = serde_json::from_str(&open[1..]).unwrap();
    let session = node.url(&format!("{session}&sid={}", open["sid"].as_str().unwrap()));
    let asked = node.http.post(&session).body(format!("40{}", json!({"token": token}))).send().await.unwrap();
    assert!(asked.status().is_success());
    let answer = node.http.get(&session).send().await.unwrap().text().await.unwrap();
    // Goes away again; one that was refused may be gone.
    let _ = node.http.post(&session).body("1").send().await;
    answer
}

/// Checks that a token lets nobody in anywhere, and gives the refusal on HTTP.
async fn refused(node: &Node, token: &str, why: &str) -> Value {
    let refusal = problem(node.get("/api/v1/me").bearer_auth(token), 401, "unauthorized").await;
    let answer = connect(node, token).await;
    assert!(answer.starts_with("44{") && answer.contains("\"unauthorized\""), "{why}: {answer}");
    refusal
}

async fn admitted(node: &Node, token: &str) {
    assert_eq!(node.get("/api/v1/me").bearer_auth(token).send().await.unwrap().status(), 200);
    let answer = connect(node, token).await;
    assert!(answer.starts_with("40{"), "{answer}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn forged_tokens_are_refused_alike() {
    let node = Node::start(&[("PLAZA_AUTH__SECRET", SECRET)]).await;
    let tokens = node.register("Ana").await;
    let (token, claims) = (text(&tokens["accessToken"]), claims_of(text(&tokens["accessToken"])));
    let other = node.register("Ben").await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let ours = json!({"typ": "JWT", "alg": "HS256"});
    let hs256 = Algorithm::HS256;
    // What is changed below is all that is wrong.
    admitted(&node, token).await;
    admitted(&node, &signed(&ours, &claims, SECRET, hs256)).await;

    let unsigned = |alg: &str| format!("{}.{}.", part(&json!({"alg": alg})), part(&claims));
    let resigned = |key: &str, value: Value| signed(&ours, &but(&claims, key, value), SECRET, hs256);
    let header = |alg: &str, hmac| signed(&json!({"alg": alg}), &claims, SECRET, hmac);
    let (head, tail) = token.rsplit_once('.').unwrap();
    let mut cases = vec![
        ("no signature", unsigned("none")),
        ("no signature, otherwise written", unsigned("nOnE")),
        ("no signature, as ours", unsigned("HS256")),
        ("none, and a signature", format!("{}.{}.{tail}", part(&json!({"alg": "none"})), part(&claims))),
        ("another's key", signed(&ours, &claims, "another secret that is long enough, too", hs256)),
        ("no key", signed(&ours, &claims, "", hs256)),
        ("a longer hash", header("HS512", Algorithm::HS512)),
        ("said to be RSA, by our secret", header("RS256", hs256)),
        ("said to be ECDSA, by our secret", header("ES256", hs256)),
        ("said to be EdDSA, by our secret", header("EdDSA", hs256)),
        (
            "a key of its own",
            signed(&json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}), &claims, "\0", hs256),
        ),
        (
            "a key from elsewhere",
            signed(
                &json!({"alg": "HS256", "jku": "http://127.0.0.1/", "kid": "../../dev/null"}),
                &claims,
                "",
                hs256,
            ),
        ),
        (
            "another's claims",
            format!(
                "{}.{}.{tail}",
                head.split('.').next().unwrap(),
                part(&but(&claims, "sub", other["user"]["id"].clone()))
            ),
        ),
        ("expired", resigned("exp", json!(now - 61))),
        ("without an end", resigned("exp", Value::Null)),
        ("not valid yet", resigned("nbf", json!(now + 600))),
        ("made tomorrow", resigned("iat", json!(now + 86_400))),
        ("another issuer", resigned("iss", json!("elsewhere"))),
        ("no issuer", resigned("iss", Value::Null)),
        ("for others", resigned("aud", json!("elsewhere"))),
        ("for nobody", resigned("aud", Value::Null)),
        ("of no session", resigned("sid", json!("s_none"))),
        ("of no session at all", resigned("sid", Value::Null)),
        ("of another's session", resigned("sub", other["user"]["id"].clone())),
        ("of nobody", resigned("sub", json!("u_nobody"))),
        ("a refresh token", text(&tokens["refreshToken"]).to_owned()),
        ("no guest's token", format!("pg_{}", "A".repeat(43))),
        ("the token and more", format!("{token}.{tail}")),
        ("a part of it", head.to_owned()),
        ("too long", "x".repeat(4_000)),
    ];
    cases.extend(
        ["", ".", "..", "...", "null", "undefined", "[object Object]", "' OR 1=1 --"]
            .map(|junk| ("junk", junk.to_owned())),
    );
    let expected = refused(&node, "nonsense", "nonsense").await;
    for (why, token) in cases {
        if token.is_empty() {
            continue;
        }
        assert_eq!(refused(&node, &token, why).await, expected, "{why}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_token_of_a_session_that_has_ended_is_refused() {
    let node = Node::start(&[]).await;
    for (name, path, end) in [
        ("Ana", "/api/v1/logout", "logout"),
        ("Ben", "/api/v1/sessions", "all"),
        ("Cleo", "/api/v1/password", "elsewhere"),
    ] {
        let tokens = node.register(name).await;
        let access = text(&tokens["accessToken"]);
        admitted(&node, access).await;
        let ended = match end {
            "logout" => node.post(path, &json!({"refreshToken": tokens["refreshToken"]})),
            "all" => node.http.delete(node.url(path)).bearer_auth(access),
            _ => {
                let credentials = json!({"name": name, "password": "a long password"});
                let there: Value =
                    node.post("/api/v1/login", &credentials).send().await.unwrap().json().await.unwrap();
                let change = json!({"current": "a long password", "new": "a longer password"});
                node.post(path, &change).bearer_auth(text(&there["accessToken"]))
            }
        };
        assert_eq!(ended.send().await.unwrap().status(), 204);
        refused(&node, access, end).await;
        let held = json!({"refreshToken": tokens["refreshToken"]});
        problem(node.post("/api/v1/refresh", &held), 401, "unauthorized").await;
    }
    node.stop().await;
}

#[tokio::test]
async fn a_schema_other_than_bearer_is_no_way_around() {
    let node = Node::start(&[]).await;
    let tokens = node.register("Ana").await;
    let access = text(&tokens["accessToken"]);
    for value in
        [format!("Basic {access}"), access.to_owned(), format!("Bearer\t{access}"), format!("Token {access}")]
    {
        problem(node.get("/api/v1/me").header("authorization", value), 401, "unauthorized").await;
    }
    // Who sends two has the first one count, and it must hold.
    let two = node.get("/api/v1/me").header("authorization", "Bearer nonsense").bearer_auth(access);
    problem(two, 401, "unauthorized").await;
    node.stop().await;
}
