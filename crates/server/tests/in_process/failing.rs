//! A node whose tasks fail stops, and says so: it does not stay as a shell that refuses everything.

use crate::node::*;
use plaza_client::{Incoming, RequestError};
use plaza_protocol::Code;
use tokio::time::timeout;

#[tokio::test]
async fn a_node_without_its_log_stops_and_sends_its_clients_away() {
    let node = Node::start(3_600).await;
    let (connection, _, mut inbox) = node.new_guest("Ana").await;
    let room = "hall".parse().unwrap();
    connection.join_room(&room).await.unwrap();
    node.clock.break_once();
    let unanswered = connection.send_message(&room, &"1".parse().unwrap(), "lost").await.unwrap_err();
    let honest = !matches!(&unanswered, RequestError::Refused(error) if error.code != Code::Internal);
    assert!(honest, "{unanswered}");
    let told = async {
        loop {
            if let Incoming::Ending(ending) = inbox.next().await.unwrap() {
                return ending;
            }
        }
    };
    let told = timeout(PATIENCE, told).await.unwrap();
    assert_eq!((told.reason.as_str(), told.retry_after_ms > 0), ("shutdown", true), "come back");
    timeout(PATIENCE, async { while inbox.next().await.is_ok() {} }).await.unwrap();

    let reason = node.until_failed().await;
    assert!(reason.starts_with("The task for the log panicked"), "{reason}");
}
