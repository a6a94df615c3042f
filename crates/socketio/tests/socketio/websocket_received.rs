//! An event knows when it was read, however long it then had to wait for its turn.

use crate::support::{Client, Polling, Server, one, telling};
use plaza_socketio::{Config, Handlers};
use std::sync::Arc;
use tokio::{sync::Semaphore, time::Instant};

#[tokio::test]
async fn an_event_that_waits_for_its_turn_says_when_it_came() {
    let (tell, mut told) = telling();
    let turns = Arc::new(Semaphore::new(0));
    let handlers = {
        let turns = Arc::clone(&turns);
        Handlers::default().on("go", move |_, event| {
            let (tell, turns) = (tell.clone(), Arc::clone(&turns));
            async move {
                tell.send((event.received, Instant::now())).unwrap();
                turns.acquire().await.unwrap().forget();
            }
        })
    };
    let server = Server::start(one(Config { in_flight: 1, ..Config::default() }, handlers));
    let mut client = Client::join(&server).await;
    client.send_all([r#"42["go"]"#.to_owned(), r#"42["go"]"#.to_owned()]).await;
    let (first, _) = told.next().await;
    told.nothing_yet();
    let freed = Instant::now();
    turns.add_permits(2);
    let (second, began) = told.next().await;
    // Both came in one read, or nearly: the second not when its turn came.
    assert!(first <= second && second < freed && freed <= began, "{first:?} {second:?} {freed:?} {began:?}");

    let client = Polling::join(&server).await;
    client.post("42[\"go\"]\x1e42[\"go\"]").await;
    let (first, _) = told.next().await;
    let freed = Instant::now();
    turns.add_permits(2);
    let (second, began) = told.next().await;
    assert!(first == second && second < freed && freed <= began, "{first:?} {second:?} {freed:?} {began:?}");
}
