//! SIGTERM: clients are told, connections are closed, what was acknowledged is there, and the process ends in time.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::{Incoming, Options};
use plaza_testkit::{
    Plaza, Setup,
    guest::{Guest, room, within},
    log,
};
use std::time::{Duration, Instant};

const GRACE: Duration = Duration::from_secs(3);

async fn server() -> Plaza {
    Setup::default().env("PLAZA_SERVER__GRACE_MS", &GRACE.as_millis().to_string()).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_and_what_was_acknowledged_is_there() {
    let mut plaza = server().await;
    let mut ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room("general")).await.unwrap();
    ana.until_resumed().await;

    // Messages are under way when the signal comes.
    let connection = ana.connection.clone();
    let sending = tokio::spawn(async move {
        let mut acked = Vec::new();
        for number in 0.. {
            let client_id = format!("c{number}").parse().unwrap();
            match connection.send_message(&room("general"), &client_id, &format!("text {number}")).await {
                Ok(sent) => acked.push((sent.seq, sent.id)),
                Err(_) => return acked,
            }
        }
        acked
    });
    ana.until(|incoming| matches!(incoming, Incoming::Event(event) if event.seq() > 20)).await;

    let began = Instant::now();
    let stopping = tokio::spawn(async move {
        let (status, stderr) = plaza.terminate().await.unwrap();
        (plaza, status, stderr)
    });
    let told = ana.until(|incoming| matches!(incoming, Incoming::Ending(_))).await;
    let Incoming::Ending(ending) = told else { unreachable!() };
    assert_eq!(ending.reason, "shutdown");
    ana.until_closed().await;
    let (mut plaza, status, stderr) = stopping.await.unwrap();
    assert!(status.success(), "{status}: {stderr}");
    assert!(began.elapsed() < GRACE, "it took {:?}", began.elapsed());

    let acked = within(sending).await.unwrap();
    assert!(acked.len() >= 20, "only {} were acknowledged", acked.len());
    plaza.start().await.unwrap();
    let back = Guest::with_token(&plaza, &ana.token).await;
    let log = log::by_socket(&back.connection, &room("general")).await.unwrap();
    for (seq, id) in acked {
        let there = log.iter().any(|event| {
            matches!(event, plaza_protocol::Event::Message(message) if message.seq == seq && message.id == id)
        });
        assert!(there, "{id} was acknowledged at {seq} and is not there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_does_not_hold_it_up() {
    // Less than what the server would take to say goodbye to a client that does not listen.
    let grace = Duration::from_secs(1);
    let setup = Setup::default().env("PLAZA_SERVER__GRACE_MS", &grace.as_millis().to_string());
    let mut plaza = setup.start().await.unwrap();
    let unread = Options {
        event_queue: 1,
        receive_buffer_bytes: Some(4096),
        max_segment_bytes: Some(1_400),
        ..Options::default()
    };
    let mut stalled = Guest::connect_with(&plaza, "Stalled", &unread).await;
    stalled.until_resumed().await;
    stalled.connection.join_room(&room("general")).await.unwrap();
    // More than the kernel takes in its place, and less than would have it disconnected.
    let mut ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room("general")).await.unwrap();
    let text = "x".repeat(8_000);
    for number in 0..110 {
        ana.say(&room("general"), &format!("c{number}"), &text).await;
    }
    assert_eq!(plaza.rest().unwrap().health().await.unwrap().connections, 2, "both are still there");

    let began = Instant::now();
    let (status, stderr) = plaza.terminate().await.unwrap();
    assert!(status.success(), "{status}: {stderr}");
    assert!(began.elapsed() < grace + Duration::from_secs(2), "it took {:?}", began.elapsed());
    assert!(stderr.contains("did not close in time and are cut"), "it was waited for in vain: {stderr}");
    // Not all of it ever left the server: that is what would have held it up.
    let mut received = 0;
    while within(stalled.inbox.next()).await.is_ok() {
        received += 1;
    }
    assert!(received < 110, "everything was in the kernel's hands");
    ana.until_closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_never_finished_does_not_hold_it_up() {
    use tokio::io::AsyncWriteExt as _;
    let mut plaza = server().await;
    let mut half = tokio::net::TcpStream::connect(plaza.listen()).await.unwrap();
    half.write_all(b"POST /api/v1/login HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
    let began = Instant::now();
    let (status, stderr) = plaza.terminate().await.unwrap();
    assert!(status.success(), "{status}: {stderr}");
    assert!(began.elapsed() < GRACE + Duration::from_secs(2), "it took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_does_not_wait() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        // A minute for a client that never ends its request: longer than a test waits for a process.
        let mut plaza = Setup::default()
            .env("PLAZA_SERVER__GRACE_MS", "60000")
            .env("PLAZA_SERVER__REQUEST_TIMEOUT_MS", "60000")
            .start()
            .await
            .unwrap();
        let mut half = tokio::net::TcpStream::connect(plaza.listen()).await.unwrap();
        let head = "POST /api/v1/login HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                    content-type: application/json\r\ncontent-length: 100\r\n\r\n";
        half.write_all(head.as_bytes()).await.unwrap();
        let mut asked_on = [0; 12];
        half.read_exact(&mut asked_on).await.unwrap();
        assert_eq!(&asked_on, b"HTTP/1.1 100", "the server reads the body now");

        let program = plaza.program().unwrap();
        program.signal(first).await.unwrap();
        program.wait_for_stderr("Stopping").await.unwrap();
        assert!(program.has_ended().unwrap().is_none(), "it waits for its client");
        program.signal(second).await.unwrap();
        let status = program.wait().await.unwrap();
        assert_eq!(status.code(), Some(130), "{first}, {second}: {}", program.stderr());
    }
}
