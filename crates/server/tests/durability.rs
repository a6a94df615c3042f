//! A message is on the disk before it is acknowledged. Killing the process cannot show that, since the page cache
//! survives it; the system calls can.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::{Client, Identity, Options};
use plaza_protocol::{JoinRoom, RoomId};
use plaza_testkit::{
    Setup,
    trace::{Unsafe, synced_before_acknowledged},
};
use rand::{SeedableRng as _, rngs::StdRng};

/// A text that stands nowhere else, and nothing in it that a trace would print otherwise.
const TEXT: &str = "ThisMustSurviveAPowerCut";

/// Sends one message to a server under strace and checks its trace.
async fn traced_send(setup: Setup) -> Result<(), Unsafe> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let mut plaza = setup.traced_to(file.clone()).start().await.expect("start a server under strace");

    let (client, _updates) = Client::start(
        plaza.address().unwrap(),
        Identity::Guest("Ana".into()),
        Options::default(),
        StdRng::seed_from_u64(1),
    );
    let room: RoomId = "general".parse().unwrap();
    client.request(&JoinRoom { room_id: room.clone() }).await.unwrap();
    let sent = client.send_message(&room, &"c1".parse().unwrap(), TEXT).await.unwrap();
    let (status, _) = plaza.terminate().await.unwrap();
    assert!(status.success(), "{status}");

    let trace = std::fs::read(&file).unwrap();
    synced_before_acknowledged(&String::from_utf8_lossy(&trace), TEXT, &sent.id)
}

#[tokio::test]
async fn a_message_is_synced_before_it_is_acknowledged() {
    assert_eq!(traced_send(Setup::default()).await, Ok(()));
}

#[tokio::test]
async fn a_store_that_does_not_sync_is_caught() {
    let careless = Setup::default().env("PLAZA_STORE__DURABILITY", "none");
    let caught = traced_send(careless).await;
    assert!(matches!(caught, Err(Unsafe::NotSynced { .. })), "{caught:?}");
}
