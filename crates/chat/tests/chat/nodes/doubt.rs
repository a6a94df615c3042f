//! A commit of which nobody knows whether it was stored: what it held reaches everybody all the same, and soon.

use super::*;
use plaza_protocol::Code;
use plaza_store::{Durability, Place, Store, StoreOptions};
use plaza_testkit::{Postgres, Proxy};
use std::time::Instant;

/// Far less than until positions are compared.
const SOON: Duration = Duration::from_secs(10);

async fn open(url: &str) -> Store {
    let place = Place::Server(url.parse().unwrap());
    let options = StoreOptions { durability: Durability::None, ..StoreOptions::at(place, [7; 16]) };
    Store::open(options, plaza_chat::MIGRATIONS).await.unwrap()
}

#[tokio::test]
async fn what_was_cut_off_at_its_commit_is_told_everybody_soon() {
    let server = Postgres::on_tcp().await.unwrap();
    let proxy = Proxy::before(server.port().unwrap()).await.unwrap();
    let stores = [open(&Postgres::url_at(proxy.port())).await, open(&server.url()).await];
    let world = World::start().await;
    let (bus, stop) = (LocalBus::new(), CancellationToken::new());
    let mut nodes = Vec::new();
    for (number, store) in stores.iter().enumerate() {
        nodes.push(node_on(store, &world, 30_000, &bus, number, &stop).await);
    }
    let cluster = Cluster { world, bus, nodes, stop };
    let chat = &cluster.nodes[1].chat;
    let (ana, ben) =
        (chat.new_guest("Ana").await.unwrap().0.user, chat.new_guest("Ben").await.unwrap().0.user);
    let create = plaza_protocol::CreateRoom::Group { name: "Group".to_owned() };
    let room = chat.create_room(&ana, create).await.unwrap().room.id;
    let user = ben.id.as_str().to_owned().try_into().unwrap();
    let top = chat.add_member(&ana, AddMember { room_id: room.clone(), user }).await.unwrap().seq;
    let seen = [cluster.come(0, &ben).await, cluster.come(1, &ben).await];

    proxy.cut_at(&[b"the last words", b"COMMIT"]);
    let sending = cluster.nodes[0].chat.send_message(&ana, message(&room, "c1", "the last words"));
    let refused = sending.await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.message.contains("may be done or not"), "{refused:?}");
    proxy.pass();
    let passed = Instant::now();
    for seen in &seen {
        assert_eq!(seen.seqs(&room, top + 1).await, [top + 1]);
    }
    assert!(passed.elapsed() < SOON, "{:?}", passed.elapsed());
    // Sent again, it is there once.
    let again = cluster.nodes[0].chat.send_message(&ana, message(&room, "c1", "the last words")).await;
    assert_eq!(again.unwrap().seq, top + 1);
}
