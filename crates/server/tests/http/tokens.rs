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

/// Ana's and Ben's log-ins, and what Ana's token says.
struct LogIns {
    ana: Value,
    ben: Value,
    claims: Value,
}

type Forgeries = Vec<(&'static str, String)>;

impl LogIns {
    fn token(&self) -> &str {
        text(&self.ana["accessToken"])
    }

    /// Ours in everything but its claims.
    fn claiming(&self, claims: &Value) -> String {
        signed(&json!({"typ": "JWT", "alg": "HS256"}), claims, SECRET, Algorithm::HS256)
    }

    /// The right claims, by somebody who has no key of ours.
    fn signed_by_others(&self) -> Forgeries {
        let (claims, hs256) = (&self.claims, Algorithm::HS256);
        let unsigned = |alg: &str| format!("{}.{}.", part(&json!({"alg": alg})), part(claims));
        let header = |alg: &str, hmac| signed(&json!({"alg": alg}), claims, SECRET, hmac);
        let with = |header: Value, secret| signed(&header, claims, secret, hs256);
        let ours = json!({"typ": "JWT", "alg": "HS256"});
        let own_key = json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}});
        let fetched = json!({"alg": "HS256", "jku": "http://127.0.0.1/", "kid": "../../dev/null"});
        let tail = self.token().rsplit_once('.').unwrap().1;
        vec![
            ("no signature", unsigned("none")),
            ("no signature, otherwise written", unsigned("nOnE")),
            ("no signature, as ours", unsigned("HS256")),
            ("none, and a signature", format!("{}{tail}", unsigned("none"))),
            ("another's key", with(ours.clone(), "another secret that is long enough, too")),
            ("no key", with(ours, "")),
            ("a longer hash", header("HS512", Algorithm::HS512)),
            ("said to be RSA, by our secret", header("RS256", hs256)),
            ("said to be ECDSA, by our secret", header("ES256", hs256)),
            ("said to be EdDSA, by our secret", header("EdDSA", hs256)),
            ("a key of its own", with(own_key, "\0")),
            ("a key from elsewhere", with(fetched, "")),
        ]
    }

    /// By our key, which never signed such a thing.
    fn claiming_otherwise(&self) -> Forgeries {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let but = |key: &str, value: Value| self.claiming(&but(&self.claims, key, value));
        vec![
            ("expired", but("exp", json!(now - 61))),
            ("without an end", but("exp", Value::Null)),
            ("not valid yet", but("nbf", json!(now + 600))),
            ("made tomorrow", but("iat", json!(now + 86_400))),
            ("another issuer", but("iss", json!("elsewhere"))),
            ("no issuer", but("iss", Value::Null)),
            ("for others", but("aud", json!("elsewhere"))),
            ("for nobody", but("aud", Value::Null)),
            ("of no session", but("sid", json!("s_none"))),
            ("of no session at all", but("sid", Value::Null)),
            ("of another's session", but("sub", self.ben["user"]["id"].clone())),
            ("of nobody", but("sub", json!("u_nobody"))),
        ]
    }

    /// What is no access token, or not the one that was given.
    fn taken_apart(&self) -> Forgeries {
        let token = self.token();
        let [head, _, tail] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
        let another = part(&but(&self.claims, "sub", self.ben["user"]["id"].clone()));
        let junk = [".", "..", "...", "null", "undefined", "[object Object]", "' OR 1=1 --"];
        let mut all = vec![
            ("another's claims", format!("{head}.{another}.{tail}")),
            ("a refresh token", text(&self.ana["refreshToken"]).to_owned()),
            ("no guest's token", format!("pg_{}", "A".repeat(43))),
            ("the token and more", format!("{token}.{tail}")),
            ("a part of it", token.rsplit_once('.').unwrap().0.to_owned()),
            ("too long", "x".repeat(4_000)),
        ];
        all.extend(junk.map(|junk| ("junk", junk.to_owned())));
        all
    }
}

#[tokio::test]
async fn forged_tokens_are_refused_alike() {
    let node = Node::start(&[("PLAZA_AUTH__SECRET", SECRET)]).await;
    let (ana, ben) = (node.register("Ana").await, node.register("Ben").await);
    let claims = claims_of(text(&ana["accessToken"]));
    let log_ins = LogIns { ana, ben, claims };
    // What is changed below is all that is wrong.
    admitted(&node, log_ins.token()).await;
    admitted(&node, &log_ins.claiming(&log_ins.claims)).await;

    let expected = refused(&node, "nonsense", "nonsense").await;
    let forgeries = [log_ins.signed_by_others(), log_ins.claiming_otherwise(), log_ins.taken_apart()];
    for (why, token) in forgeries.concat() {
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
