//! The log of the real binary, at its loudest: it holds nothing that is secret, and nothing that clients send breaks it.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_testkit::{Guest, Plaza, Setup, guest::room};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const PASSWORD: &str = "pa55word-of-ana";
const FORGED: &str = "FORGED entry";

/// Comes in by every way there is, with secrets and with texts that would like to be entries of the log.
async fn visit(plaza: &Plaza) -> Vec<String> {
    let http = plaza_client::plain_http().build().unwrap();
    let api = |path: &str| format!("{}/api/v1{path}", plaza.url());
    let credentials = json!({"name": "Ana", "password": PASSWORD});
    let tokens: Value =
        http.post(api("/register")).json(&credentials).send().await.unwrap().json().await.unwrap();
    let access = tokens["accessToken"].as_str().unwrap();
    let refresh = tokens["refreshToken"].as_str().unwrap();

    let wrong = json!({"name": "Ana", "password": format!("{PASSWORD}-wrong")});
    http.post(api("/login")).json(&wrong).send().await.unwrap();
    let evil =
        json!({"name": format!("x\r\n2026-01-01T00:00:00Z ERROR {FORGED}\u{1b}[2J"), "password": PASSWORD});
    http.post(api("/register")).json(&evil).send().await.unwrap();
    http.get(api(&format!("/me?token={access}"))).bearer_auth(access).send().await.unwrap();
    let fresh = http.post(api("/refresh")).json(&json!({"refreshToken": refresh})).send().await.unwrap();
    let fresh: Value = fresh.json().await.unwrap();
    // The one before, again: somebody must have stolen it.
    http.post(api("/refresh")).json(&json!({"refreshToken": refresh})).send().await.unwrap();

    let guest = Guest::connect(plaza, "Bo").await;
    guest.connection.join_room(&room("hall")).await.unwrap();
    guest.say(&room("hall"), "c1", "w0rds-between-us").await;
    let mut secrets = vec![PASSWORD.into(), access.into(), refresh.into(), "w0rds-between-us".into()];
    secrets.push(fresh["accessToken"].as_str().unwrap().to_owned());
    secrets.push(fresh["refreshToken"].as_str().unwrap().to_owned());
    secrets.push(guest.token.expose().to_owned());

    // What no client library would send.
    for head in [
        format!("GET /%0d%0a{FORGED}%1b[2J?token={access} HTTP/1.1\r\nhost: x\r\nx: \u{1b}{FORGED}\r\n\r\n"),
        format!(
            "GET /socket.io/?EIO=4&transport=websocket&token={access}&sid=%0a{FORGED} HTTP/1.1\r\nhost: x\r\n\r\n"
        ),
        format!("{FORGED}\n\u{1b}[31m\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 1.2.3.4\u{1b}{FORGED}\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(plaza.listen()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    secrets
}

/// Runs a node at its loudest, and gives its log and what must not be in it.
async fn log_of_a_visit(format: &str) -> (String, Vec<String>) {
    let secret = "the-secret-that-signs-all-the-tokens";
    let setup = Setup::default()
        .env("PLAZA_LOG__LEVEL", "trace")
        .env("PLAZA_LOG__FORMAT", format)
        .env("PLAZA_AUTH__SECRET", secret);
    let mut plaza = setup.start().await.unwrap();
    let mut secrets = visit(&plaza).await;
    secrets.push(secret.to_owned());
    let (status, log) = plaza.terminate().await.unwrap();
    assert!(status.success(), "{log}");
    (log, secrets)
}

fn check(log: &str, secrets: &[String]) {
    assert!(log.contains("Serving") && log.contains("DEBUG"), "it is not loud: {log}");
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "{secret} is in the log");
    }
    let control = log.chars().find(|letter| letter.is_control() && *letter != '\n');
    assert_eq!(control, None, "{log}");
}

#[tokio::test]
async fn for_people() {
    let (log, secrets) = log_of_a_visit("human").await;
    check(&log, &secrets);
    for line in log.lines() {
        let (time, rest) = line.split_at_checked("2026-11-21T09:12:44.118805Z".len()).unwrap_or_default();
        assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{line}");
        let level = rest.split_whitespace().next().unwrap_or_default();
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line}");
        assert!(!line[time.len()..].trim_start().starts_with(FORGED), "{line}");
    }
}

#[tokio::test]
async fn for_programs() {
    let (log, secrets) = log_of_a_visit("json").await;
    check(&log, &secrets);
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["timestamp", "level", "message", "target"] {
            assert!(entry[key].is_string(), "{key} is missing in {line}");
        }
        assert_ne!(entry["message"], FORGED);
    }
}
