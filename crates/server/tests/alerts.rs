//! A node that stops by itself, or was killed: what it leaves behind, whom it tells, and how it comes back.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::Incoming;
use plaza_protocol::{Auth, Event, History};
use plaza_testkit::{
    Guest, Program, Setup, free_port,
    guest::{room, within},
    program::{DEADLINE, plaza_binary},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::Command,
};

/// `whsec_` and 24 bytes.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The reports in a folder of data, the oldest first.
fn reports(data: &Path) -> Vec<Value> {
    let Ok(entries) = fs::read_dir(data.join("crashes")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| serde_json::from_slice(&fs::read(file).unwrap()).unwrap()).collect()
}

/// Takes one POST and answers 204: its headers, and its body.
async fn take_post(listener: &TcpListener) -> (BTreeMap<String, String>, String) {
    let (mut stream, _) = within(listener.accept()).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        assert_ne!(within(stream.read_buf(&mut bytes)).await.unwrap(), 0, "it broke off");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("POST /plaza HTTP/1.1"), "{head}");
        let headers: BTreeMap<String, String> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        if body.len() >= headers["content-length"].parse().unwrap() {
            let body = body.to_owned();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            return (headers, body);
        }
    }
}

/// The example whose clock breaks when `broken` is there, on this data.
fn failing(data: &Path, port: u16, broken: &Path) -> Command {
    let example = plaza_binary().unwrap().with_file_name("examples").join("failing");
    let mut command = Command::new(&example);
    assert!(example.exists(), "cargo build -p plaza-server --examples makes {}", example.display());
    command
        .arg(broken)
        .env("PLAZA_SERVER__NODE", "a")
        .env("PLAZA_SERVER__LISTEN", format!("127.0.0.1:{port}"))
        .env("PLAZA_STORE__DATA", data);
    command
}

async fn guest(
    port: u16,
    auth: &Auth,
) -> (plaza_client::Connection, plaza_protocol::Session, plaza_client::Inbox) {
    let address = format!("http://127.0.0.1:{port}").parse().unwrap();
    plaza_client::Connection::open(&address, auth, &plaza_client::Options::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_reported_and_told_and_what_was_acknowledged_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (data, broken, mail) =
        (folder.path().join("data"), folder.path().join("broken"), folder.path().join("mail"));
    let port = free_port();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = failing(&data, port, &broken);
    command
        .env("PLAZA_ALERTS__URL", format!("http://{}/plaza", listener.local_addr().unwrap()))
        .env("PLAZA_ALERTS__SECRET", SECRET)
        .env("PLAZA_ALERTS__COMMAND", format!("sh,-c,env > {0}.env; cat > {0}", mail.display()));
    let mut node = Program::start(command).unwrap();
    node.wait_for_stdout("is open at").await.unwrap();
    let (ana, session, mut inbox) = guest(port, &Auth { guest: Some("Ana".into()), ..Auth::default() }).await;
    ana.join_room(&room("hall")).await.unwrap();
    ana.send_message(&room("hall"), &"c1".parse().unwrap(), "words of Ana").await.unwrap();
    fs::write(&broken, "").unwrap();
    assert!(ana.send_message(&room("hall"), &"c2".parse().unwrap(), "another text").await.is_err());

    let (headers, body) = take_post(&listener).await;
    let told = async {
        loop {
            if let Incoming::Ending(ending) = inbox.next().await.unwrap() {
                return ending;
            }
        }
    };
    assert_eq!(within(told).await.reason, "shutdown");
    let status = node.wait().await.unwrap();
    assert_eq!(status.code(), Some(1), "{}", node.stderr());
    assert!(node.stderr().contains("The task for the log panicked"), "{}", node.stderr());

    // Signed as Standard Webhooks has it, and the same as what is kept.
    let headers: reqwest::header::HeaderMap = headers
        .iter()
        .filter(|(name, _)| name.starts_with("webhook-"))
        .map(|(name, value)| (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    standardwebhooks::Webhook::new(SECRET).unwrap().verify(body.as_bytes(), &headers).unwrap();
    let posted: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(reports(&data), std::slice::from_ref(&posted));
    assert_eq!((&posted["type"], &posted["data"]["node"]), (&"node.crashed".into(), &"a".into()));
    assert_eq!(posted["data"]["reason"], "The task for the log panicked");
    let panic = &posted["data"]["panics"][0];
    assert!(panic["location"].as_str().unwrap().contains("failing.rs"), "{panic}");
    assert!(panic["backtrace"].to_string().contains("failing::"), "{panic}");
    let mailed = fs::read_to_string(&mail).unwrap();
    assert!(
        mailed
            .starts_with(&format!("Plaza {}, node a: The task for the log panicked.", plaza_server::VERSION))
    );
    assert!(mailed.contains("failing.rs"), "{mailed}");
    for text in [&body, &mailed] {
        for hidden in
            ["of Ana", "another text", "secret in", SECRET, session.token.as_ref().unwrap().expose()]
        {
            assert!(!text.contains(hidden), "{hidden} is in {text}");
        }
    }
    let environment = fs::read_to_string(mail.with_extension("env")).unwrap();
    assert!(!environment.contains("PLAZA_") && environment.contains("PATH="), "{environment}");

    // It comes back with all that was acknowledged, and reports no death: it ended in good order.
    let mut again = Program::start(failing(&data, port, &broken)).unwrap();
    again.wait_for_stdout("is open at").await.unwrap();
    let back = Auth { token: session.token, ..Auth::default() };
    let (ana, _, _inbox) = guest(port, &back).await;
    let page = History { room_id: room("hall"), before: None, after: Some(1), limit: None };
    let events = ana.request(&page).await.unwrap().events;
    assert!(matches!(&events[..], [Event::Message(message)] if message.seq == 2), "{events:?}");
    again.signal("TERM").await.unwrap();
    assert!(again.wait().await.unwrap().success());
    assert_eq!(reports(&data).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_again_and_again_waits_before_it_starts_and_can_be_stopped_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (data, broken) = (folder.path().join("data"), folder.path().join("broken"));
    let port = free_port();
    for failures in 1..=3 {
        let mut node = Program::start(failing(&data, port, &broken)).unwrap();
        node.wait_for_stdout("is open at").await.unwrap();
        let name = format!("guest{failures}");
        let (ana, _, _inbox) = guest(port, &Auth { guest: Some(name), ..Auth::default() }).await;
        ana.join_room(&room("hall")).await.unwrap();
        fs::write(&broken, "").unwrap();
        let _ = ana.send_message(&room("hall"), &"c1".parse().unwrap(), "lost").await;
        assert_eq!(node.wait().await.unwrap().code(), Some(1));
        assert_eq!(reports(&data).len(), failures);
    }
    let mut node = Program::start(failing(&data, port, &broken)).unwrap();
    node.wait_for_stderr("again and again").await.unwrap();
    assert!(!node.stdout().contains("is open at"), "it waits");
    node.wait_for_stdout("is open at").await.unwrap();
    node.kill().await.unwrap();

    // As if there had been many: it would wait for a minute.
    let one = fs::read_dir(data.join("crashes")).unwrap().next().unwrap().unwrap().path();
    for copy in 0..9 {
        fs::copy(&one, data.join("crashes").join(format!("9{copy}.json"))).unwrap();
    }
    let mut node = Program::start(failing(&data, port, &broken)).unwrap();
    node.wait_for_stderr("again and again").await.unwrap();
    let began = Instant::now();
    node.signal("TERM").await.unwrap();
    assert!(node.wait().await.unwrap().success());
    assert!(began.elapsed() < DEADLINE / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_killed_is_reported_by_the_next_start_and_one_that_was_stopped_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/plaza", listener.local_addr().unwrap());
    let mut plaza =
        Setup::default().env("PLAZA_ALERTS__URL", &url).env("PLAZA_SERVER__NODE", "b").start().await.unwrap();
    plaza.terminate().await.unwrap();
    plaza.start().await.unwrap();
    let ana = Guest::connect(&plaza, "Ana").await;
    assert_eq!(reports(plaza.data()).len(), 0);
    plaza.kill().await.unwrap();
    plaza.start().await.unwrap();
    let (headers, body) = take_post(&listener).await;
    assert!(!headers.contains_key("webhook-signature"), "there is no secret");
    let posted: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&posted["type"], &posted["data"]["node"]), (&"node.died".into(), &"b".into()));
    assert!(posted["data"]["reason"].as_str().unwrap().contains("without a word"), "{posted}");
    assert_eq!(reports(plaza.data()), [posted]);
    // Whoever tells does not keep it from serving.
    Guest::with_token(&plaza, &ana.token).await;
}
