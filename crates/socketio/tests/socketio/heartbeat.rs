//! Clients that answer stay; a busy one is not taken for a dead one.

use crate::support::{Client, Packet, Polling, Server, one, telling};
use plaza_socketio::{Config, Handlers};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(200);

fn quick() -> Config {
    Config { ping_interval: INTERVAL, ping_timeout: Duration::from_secs(3), ..Config::default() }
}

#[tokio::test]
async fn one_that_answers_its_pings_stays() {
    let (tell, mut told) = telling();
    let handlers = Handlers::default().on_disconnect(move |_, reason| {
        tell.send(reason.to_string()).unwrap();
        async {}
    });
    let server = Server::start(one(quick(), handlers));
    let mut client = Client::join(&server).await;
    let polling = Polling::join(&server).await;
    let started = Instant::now();
    let polls = async {
        for _ in 0..4 {
            assert_eq!(polling.poll().await.body, "2");
            assert_eq!(polling.post("3").await.body, "ok");
        }
    };
    // Each ping comes an interval after the last answer, and not before.
    tokio::select! {
        () = polls => {}
        packet = client.next() => panic!("{packet:?}"),
    }
    let took = started.elapsed();
    assert!(took >= 3 * INTERVAL && took < 2 * quick().ping_timeout, "four pings in {took:?}");
    server.root().emit("still", &["here"]).unwrap();
    assert_eq!(client.next().await, Packet::Text(r#"42["still","here"]"#.to_owned()));
    told.nothing_yet();
}
