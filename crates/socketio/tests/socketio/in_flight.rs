//! While as many handlers of one socket are at work as may be, nothing more is read from it.

use crate::support::{Client, Polling, Server, Told, ask, one, soon, telling};
use plaza_socketio::{Config, Handlers};
use std::{io, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::timeout};

const IN_FLIGHT: usize = 3;

/// Long enough that what is not held back would have happened.
const A_WHILE: Duration = Duration::from_millis(300);

/// A server whose `wait` handlers tell their number, then wait for the gate.
fn gated(in_flight: usize) -> (Server, Told<u32>, Arc<Semaphore>) {
    let ((tell, told), gate) = (telling(), Arc::new(Semaphore::new(0)));
    let held = Arc::clone(&gate);
    let handlers = Handlers::default()
        .on("wait", move |_, event| {
            let (tell, gate) = (tell.clone(), Arc::clone(&held));
            async move {
                tell.send(event.payload.args::<(u32,)>().unwrap().0).unwrap();
                gate.acquire().await.unwrap().forget();
            }
        })
        .on("ask", |_, event| async move { event.ack.unwrap().send(&["here"]).unwrap() });
    let config = Config { in_flight, max_payload: 1_000_000, ..Config::default() };
    (Server::start_with_small_buffers(one(config, handlers)), told, gate)
}

fn waits(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!(r#"42["wait",{number}]"#)).collect()
}

#[tokio::test]
async fn no_more_start_than_may_be_in_flight_and_the_next_when_one_ends() {
    let (server, mut told, gate) = gated(IN_FLIGHT);
    let (mut busy, mut other) = (Client::join(&server).await, Client::join(&server).await);
    busy.send_all(waits(0..10)).await;
    assert_eq!(told.take(IN_FLIGHT).await, [0, 1, 2]);
    told.nothing_for(A_WHILE).await;

    other.send(r#"421["ask"]"#).await;
    assert_eq!(other.text().await, r#"431["here"]"#);

    for next in 3..10 {
        gate.add_permits(1);
        assert_eq!(told.next().await, next);
        told.nothing_yet();
    }
    // The client is whole: once there is room it is heard again.
    gate.add_permits(IN_FLIGHT);
    busy.send(r#"422["ask"]"#).await;
    assert_eq!(busy.text().await, r#"432["here"]"#);
}

#[tokio::test]
async fn the_senders_tcp_fills_and_all_of_it_arrives_in_the_end() {
    const EVENTS: u32 = 40;
    let (server, mut told, gate) = gated(IN_FLIGHT);
    let mut client = Client::join(&server).await;
    // Far more than the kernel holds between the two.
    let frame = masked(&format!(r#"42["wait",NUMBER,"{}"]"#, "x".repeat(500_000)));
    let all: Vec<u8> = (0..EVENTS).flat_map(|number| numbered(&frame, number)).collect();

    let sent = send_until_full(&mut client, &all).await;
    assert!(sent < all.len() / 2, "{sent} of {} bytes were taken", all.len());
    assert!(told.take(IN_FLIGHT).await.is_sorted());
    told.nothing_yet();

    gate.add_permits(EVENTS as usize);
    client.send_raw(&all[sent..]).await;
    assert_eq!(told.take(EVENTS as usize - IN_FLIGHT).await, (3..EVENTS).collect::<Vec<_>>());
}

/// Writes for as long as somebody takes it; how much was taken.
async fn send_until_full(client: &mut Client, bytes: &[u8]) -> usize {
    let mut sent = 0;
    while sent < bytes.len() {
        if timeout(A_WHILE, client.tcp().writable()).await.is_err() {
            return sent;
        }
        match client.tcp().try_write(&bytes[sent..]) {
            Ok(written) => sent += written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

/// A text frame as a client sends it, its mask zero, so that its text can be changed in place.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend((text.len() as u64).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

fn numbered(frame: &[u8], number: u32) -> Vec<u8> {
    let at = frame.windows(6).position(|window| window == b"NUMBER").unwrap();
    let mut frame = frame.to_vec();
    frame[at..at + 6].copy_from_slice(format!("{number:>6}").as_bytes());
    frame
}

#[tokio::test]
async fn a_post_waits_while_the_client_has_enough_in_flight() {
    let (server, mut told, gate) = gated(IN_FLIGHT);
    let client = Polling::join(&server).await;
    let body = waits(0..60).join("\x1e");
    let (addr, query) = (client.addr, client.query());
    let mut post = tokio::spawn(async move { ask(addr, "POST", &query, &[], body.as_bytes()).await.status });
    assert_eq!(told.take(IN_FLIGHT).await, [0, 1, 2]);
    assert!(timeout(A_WHILE, &mut post).await.is_err(), "the POST was answered");
    told.nothing_yet();

    gate.add_permits(60);
    assert_eq!(told.take(57).await, (3..60).collect::<Vec<_>>());
    assert_eq!(soon("the POST's answer", post).await.unwrap(), 200);
}

/// A client cannot answer a ping past what the server does not read.
#[tokio::test]
async fn a_client_that_is_not_read_is_not_lost_for_its_silence() {
    let ((tell, mut told), gate) = (telling(), Arc::new(Semaphore::new(0)));
    let (held, gone) = (Arc::clone(&gate), tell.clone());
    let handlers = Handlers::default()
        .on("wait", move |_, event| {
            let (tell, gate) = (tell.clone(), Arc::clone(&held));
            async move {
                tell.send(event.payload.args::<(String,)>().unwrap().0).unwrap();
                gate.acquire().await.unwrap().forget();
            }
        })
        .on_disconnect(move |_, reason| {
            gone.send(reason.to_string()).unwrap();
            async {}
        });
    let config = Config {
        in_flight: 1,
        ping_interval: Duration::from_millis(200),
        ping_timeout: Duration::from_millis(1_000),
        ..Config::default()
    };
    let server = Server::start(one(config, handlers));
    let mut client = Client::join(&server).await;
    client.send_all([r#"42["wait","one"]"#.to_owned(), r#"42["wait","two"]"#.to_owned()]).await;
    assert_eq!(told.next().await, "one");
    // From now on it answers every ping, and nothing of that is read.
    let client = tokio::spawn(async move { client.end().await });

    told.nothing_for(Duration::from_millis(2_000)).await;
    gate.add_permits(1);
    assert_eq!(told.next().await, "two");
    told.nothing_yet();
    client.abort();
}
