//! What the operator sees: the figures, and whether the node lives and is ready.

use crate::node::*;
use plaza_client::{Connection, Inbox, Incoming, Options};
use plaza_protocol::Auth;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const WATCHED: (&str, &str) = ("PLAZA_METRICS__LISTEN", "127.0.0.1:0");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn guest(node: &Node, name: &str) -> (Connection, Inbox) {
    let address = format!("http://{}", node.addr).parse().unwrap();
    let auth = Auth { guest: Some(name.into()), ..Auth::default() };
    let (connection, _, mut inbox) = Connection::open(&address, &auth, &Options::default()).await.unwrap();
    let live = async { while !matches!(inbox.next().await.unwrap(), Incoming::Resumed(_)) {} };
    timeout(PATIENCE, live).await.expect("it goes live");
    (connection, inbox)
}

/// The figures as text, and as Prometheus' own reader reads them: each sample with its labels.
async fn scrape(node: &Node) -> (String, BTreeMap<String, f64>) {
    let page = node.http.get(node.operator_url("/metrics")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(header(&page, "content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    let text = page.text().await.unwrap();
    let samples = read(&text).await;
    (text, samples)
}

async fn read(text: &str) -> BTreeMap<String, f64> {
    const READER: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
samples = {}
for family in families(sys.stdin.read()):
    assert family.documentation, family.name
    for sample in family.samples:
        labels = ','.join(f'{name}={value}' for name, value in sorted(sample.labels.items()))
        samples[f'{sample.name}{{{labels}}}' if labels else sample.name] = sample.value
json.dump(samples, sys.stdout)
";
    let python = root().join(".venv/bin/python");
    assert!(python.exists(), "scripts/setup test makes {}", python.display());
    let mut reader = tokio::process::Command::new(python)
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    let output = timeout(PATIENCE, reader.wait_with_output()).await.expect("it reads").unwrap();
    assert!(output.status.success(), "Prometheus cannot read it:\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A little of everything that is counted. Ana leaves, and Bo stays.
async fn load(node: &Node) -> (Connection, Inbox) {
    let (ana, _inbox) = guest(node, "Ana").await;
    let (bo, mut bos) = guest(node, "Bo").await;
    let room = "hall".parse().unwrap();
    ana.join_room(&room).await.unwrap();
    bo.join_room(&room).await.unwrap();
    for number in 0..3 {
        ana.send_message(&room, &format!("c{number}").parse().unwrap(), "A word").await.unwrap();
    }
    bo.watch_presence(vec!["@Ana".to_owned().try_into().unwrap()], Vec::new()).await.unwrap();
    ana.join_room(&"g_none".parse().unwrap()).await.unwrap_err();
    let all = async {
        let mut messages = 0;
        while messages < 3 {
            if let Incoming::Event(event) = bos.next().await.unwrap() {
                messages += usize::from(event.name() == "message");
            }
        }
    };
    timeout(PATIENCE, all).await.expect("Bo gets what Ana writes");
    for path in ["/", "/api/v1/rooms/secret-room/events?after=1", "/api/v1/none/of/it", "/made/up/by-ana"] {
        node.get(path).send().await.unwrap();
    }
    node.http.request("INVENTED".parse().unwrap(), node.url("/health")).send().await.unwrap();
    ana.close();
    (bo, bos)
}

/// The figures once Ana has left.
async fn after_load(node: &Node) -> (String, BTreeMap<String, f64>) {
    let began = Instant::now();
    loop {
        let (text, samples) = scrape(node).await;
        if samples["plaza_sockets"] == 1.0 && text.contains("plaza_socket_disconnects_total") {
            return (text, samples);
        }
        assert!(began.elapsed() < PATIENCE, "Ana never leaves: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_figures_tell_what_happened_and_nobodys_name() {
    // Ana has just left, and Bo is here.
    let node = Node::start(&[WATCHED, ("PLAZA_CHAT__PRESENCE_GRACE_MS", "60000")]).await;
    let _bo = load(&node).await;
    let (text, samples) = after_load(&node).await;
    let at = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name} is not in:\n{text}"));
    for (name, value) in [
        ("plaza_socket_connects_total", 2.0),
        ("plaza_requests_total{outcome=ok,request=message:send}", 3.0),
        ("plaza_requests_total{outcome=ok,request=room:join}", 2.0),
        ("plaza_requests_total{outcome=not_found,request=room:join}", 1.0),
        ("plaza_request_duration_seconds_count{request=message:send}", 3.0),
        ("plaza_http_requests_total{method=GET,route=/api/v1/rooms/{id}/events,status=401}", 1.0),
        ("plaza_http_requests_total{method=GET,route=(unknown),status=404}", 1.0),
        ("plaza_http_requests_total{method=GET,route=(page),status=200}", 2.0),
        ("plaza_http_requests_total{method=other,route=/health,status=405}", 1.0),
        ("plaza_http_requests_total{method=GET,route=/socket.io/,status=101}", 2.0),
        ("plaza_sessions", 1.0),
        ("plaza_people_online", 2.0),
        ("plaza_presence_watches", 1.0),
        ("plaza_commit_failures_total", 0.0),
        ("plaza_busy_refusals_total", 0.0),
        // Three messages to two, and two who came: the first to one, the second to two.
        ("plaza_deliveries_total", 9.0),
        ("plaza_delivery_lag_seconds_count", 3.0),
        ("plaza_outbox_bytes", 0.0),
    ] {
        assert_eq!(at(name), value, "{name} in\n{text}");
    }
    // Three messages, two joins, and one join that was refused in its transaction or before.
    assert!((5.0..=6.0).contains(&at("plaza_commit_batch_size_sum")), "{text}");
    assert_eq!(at("plaza_commit_duration_seconds_count"), at("plaza_commit_batch_size_count"));
    assert!(at("process_resident_memory_bytes") > 1e6 && at("process_open_fds") > 5.0, "{text}");
    assert!(at("process_cpu_seconds_total") > 0.0 && at("process_max_fds") > 5.0, "{text}");
    assert!(at(&format!("plaza_build_info{{version={}}}", plaza_server::VERSION)) == 1.0);
    let gone = samples.keys().filter(|name| name.starts_with("plaza_socket_disconnects_total{reason="));
    assert_eq!(gone.count(), 1, "{text}");
    for named in ["Ana", "Bo", "hall", "secret-room", "made", "INVENTED", "127.0.0.1"] {
        assert!(!text.contains(named), "{named} is in\n{text}");
    }
    node.stop().await;
}

#[tokio::test]
async fn the_document_lists_what_there_is() {
    let node = Node::start_with_a_bus(&[WATCHED]).await;
    let bo = load(&node).await;
    let (text, _) = after_load(&node).await;
    drop(bo);
    node.stop().await;
    let mut served = BTreeMap::new();
    for line in text.lines() {
        let [hash, what, name, rest] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else { continue };
        if hash == "#" {
            let entry: &mut [String; 2] = served.entry(name.to_owned()).or_default();
            entry[usize::from(what == "HELP")] = rest.trim_end_matches('.').to_owned();
        }
    }
    let document = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let rows = document.lines().filter_map(|line| {
        let [_, name, kind, meaning, _] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            return None;
        };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            "gauge" | "histogram" => "",
            _ => return None,
        };
        Some((name.strip_suffix(suffix)?.to_owned(), [kind.to_owned(), meaning.to_owned()]))
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), served);
}

#[tokio::test]
async fn figures_are_not_served_to_everybody() {
    let node = Node::start(&[WATCHED, ("PLAZA_WEB__ENABLED", "false")]).await;
    assert_eq!(node.get("/metrics").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    for path in ["/", "/health", "/api/v1/me", "/socket.io/"] {
        let answer = node.http.get(node.operator_url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    node.stop().await;
}

#[tokio::test]
async fn a_node_that_serves_is_alive_and_ready() {
    let node = Node::start(&[WATCHED]).await;
    for base in [node.url(""), node.operator_url("")] {
        let live = node.http.get(format!("{base}/livez")).send().await.unwrap();
        assert_eq!((live.status(), header(&live, "cache-control")), (StatusCode::OK, "no-store"));
        let ready = node.http.get(format!("{base}/readyz")).send().await.unwrap();
        assert_eq!((ready.status(), header(&ready, "cache-control")), (StatusCode::OK, "no-store"));
        assert_eq!(ready.json::<Value>().await.unwrap(), json!({"status": "ready", "reasons": []}));
    }
    node.stop().await;
}

#[tokio::test]
async fn a_node_that_drains_is_alive_and_not_ready() {
    let node = Node::start(&[WATCHED, ("PLAZA_SERVER__REQUEST_TIMEOUT_MS", "60000")]).await;
    // Until this request has ended, or the grace period, the node drains.
    let mut slow = TcpStream::connect(node.addr).await.unwrap();
    let head = "POST /api/v1/login HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                content-type: application/json\r\ncontent-length: 2\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut asked_on = [0; 12];
    slow.read_exact(&mut asked_on).await.unwrap();
    node.begin_stop();
    let ready = node.http.get(node.operator_url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = ready.json().await.unwrap();
    assert_eq!(body, json!({"status": "not_ready", "reasons": ["the node is draining"]}));
    let live = node.http.get(node.operator_url("/livez")).send().await.unwrap();
    assert_eq!(live.status(), StatusCode::OK);
    scrape(&node).await;
    slow.write_all(b"{}").await.unwrap();
    node.stop().await;
}

#[tokio::test]
async fn a_node_whose_store_is_full_is_alive_and_not_ready() {
    let node = Node::start(&[WATCHED, ("PLAZA_STORE__MAX_BYTES", "1048576")]).await;
    let (ana, _inbox) = guest(&node, "Ana").await;
    let room = "hall".parse().unwrap();
    ana.join_room(&room).await.unwrap();
    let text = "x".repeat(8_000);
    let mut number = 0;
    while ana.send_message(&room, &format!("c{number}").parse().unwrap(), &text).await.is_ok() {
        number += 1;
        assert!(number < 1_000, "it is never full");
    }
    let ready = node.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = ready.json().await.unwrap();
    assert_eq!(body, json!({"status": "not_ready", "reasons": ["the store cannot be written"]}));
    assert_eq!(node.get("/livez").send().await.unwrap().status(), StatusCode::OK);
    let (_, samples) = scrape(&node).await;
    assert!(samples["plaza_commit_failures_total"] >= 1.0);
    ana.history(&plaza_protocol::History { room_id: room, before: None, after: None, limit: None })
        .await
        .unwrap();
    ana.close();
    node.stop().await;
}
