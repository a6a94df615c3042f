//! A database whose connections are killed while people write: what is sent again is there once.

use crate::world::*;
use plaza_chat::{Chat, Settings, SystemClock, SystemRandom, Tasks};
use plaza_protocol::Event;
use plaza_store::{Durability, Place, Store, StoreOptions};
use plaza_testkit::Postgres;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// All connections of the node that has them.
const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plaza'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_until_it_is_acknowledged_is_there_once() {
    const SENDERS: usize = 4;
    const EACH: usize = 150;
    let server = Postgres::start().await.unwrap();
    let place = Place::Server(server.url().parse().unwrap());
    let options = StoreOptions { durability: Durability::Full, ..StoreOptions::at(place, [7; 16]) };
    let store = Store::open(options, plaza_chat::MIGRATIONS).await.unwrap();
    let shutdown = CancellationToken::new();
    let tasks = Tasks::new(shutdown.clone());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let started = Chat::start(store, clock, random, Settings::default(), shutdown, &tasks).await;
    let (chat, mut committed) = started.unwrap();
    tasks.spawn("listening", async move { while committed.recv().await.is_some() {} });
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        let user = chat.new_guest(&format!("Sender{number}")).await.unwrap().0.user;
        chat.join_room(&user, join("hall")).await.unwrap();
        let chat = chat.clone();
        senders.spawn(async move {
            let (mut acks, mut refused) = (Vec::new(), 0);
            for n in 0..EACH {
                let name = format!("{number}-{n}");
                loop {
                    match chat.send_message(&user, message(&id("hall"), &name, "hi")).await {
                        Ok(sent) => break acks.push((name, sent.seq)),
                        Err(error) => {
                            assert!(error.retryable, "{error:?}");
                            refused += 1;
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                    }
                }
            }
            (acks, refused)
        });
    }
    let (mut acks, mut refused) = (HashMap::new(), 0);
    while !senders.is_empty() {
        server.run(KILL).await.unwrap();
        while let Some(done) = senders.try_join_next() {
            let (some, failed) = done.unwrap();
            acks.extend(some);
            refused += failed;
        }
    }
    assert!(refused > 0, "some of them met it");
    let mut seq = 0;
    let mut stored = HashMap::new();
    loop {
        let Ok(page) = chat.range(&id("hall"), seq, 1_000).await else { continue };
        if page.is_empty() {
            break;
        }
        for event in page {
            seq += 1;
            assert_eq!(event.seq(), seq, "no hole");
            if let Event::Message(message) = &*event {
                assert_eq!(stored.insert(message.client_id.to_string(), seq), None, "once");
            }
        }
    }
    assert_eq!(stored, acks, "what is there is what was acknowledged");
    assert_eq!(stored.len(), SENDERS * EACH);
}
