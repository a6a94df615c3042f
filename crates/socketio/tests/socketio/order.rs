//! One socket's handlers start in the order of its events; another socket never waits for them.

use crate::support::{Client, Polling, Server, one, soon, telling};
use plaza_socketio::{Config, Handlers};
use std::sync::Arc;
use tokio::sync::{
    Semaphore,
    mpsc::{self, UnboundedSender},
};

/// `wait` tells its number and then waits for the gate; `ask` is answered at once.
fn handlers(tell: UnboundedSender<u32>, gate: &Arc<Semaphore>) -> Handlers {
    let gate = Arc::clone(gate);
    Handlers::default()
        .on("wait", move |_, event| {
            let (tell, gate) = (tell.clone(), Arc::clone(&gate));
            async move {
                let (number,) = event.payload.args::<(u32,)>().unwrap();
                tell.send(number).unwrap();
                gate.acquire().await.unwrap().forget();
            }
        })
        .on("ask", |_, event| async move { event.ack.unwrap().send(&["here"]).unwrap() })
}

fn numbered(event: &str, numbers: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    numbers.map(move |number| format!(r#"42["{event}",{number}]"#))
}

#[tokio::test]
async fn handlers_start_in_the_order_of_events_though_each_waits() {
    let ((tell, mut told), gate) = (telling(), Arc::new(Semaphore::new(0)));
    let server = Server::start(one(Config::default(), handlers(tell, &gate)));
    let (mut waiting, mut other) = (Client::join(&server).await, Client::join(&server).await);

    waiting.send_all(numbered("wait", 0..200)).await;
    assert_eq!(told.take(200).await, (0..200).collect::<Vec<_>>());
    // Not one of them has ended, and neither this client nor another notices.
    for client in [&mut waiting, &mut other] {
        client.send(r#"421["ask"]"#).await;
        assert_eq!(client.text().await, r#"431["here"]"#);
    }
    assert_eq!(gate.available_permits(), 0);
}

#[tokio::test]
async fn handlers_that_come_by_polling_start_in_order_too() {
    let ((tell, mut told), gate) = (telling(), Arc::new(Semaphore::new(0)));
    let server = Server::start(one(Config::default(), handlers(tell, &gate)));
    let client = Polling::join(&server).await;
    for numbers in [0..50, 50..100] {
        let body = numbered("wait", numbers).collect::<Vec<_>>().join("\x1e");
        assert_eq!(client.post(&body).await.body, "ok");
    }
    assert_eq!(told.take(100).await, (0..100).collect::<Vec<_>>());
}

/// What a handler does first is often to hand something to a queue that has room. Tokio may make a task that has
/// done much give way just there; a later event must not slip by while it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_handlers_hand_to_a_queue_is_in_the_order_of_events() {
    const EVENTS: u32 = 10_000;
    let (queue, mut queued) = mpsc::channel(EVENTS as usize);
    let handlers = Handlers::default().on("append", move |_, event| {
        let queue = queue.clone();
        async move {
            let (number,) = event.payload.args::<(u32,)>().unwrap();
            queue.send(number).await.unwrap();
        }
    });
    // More than can be in flight, so that reading goes on while handlers give way.
    let config = Config { in_flight: EVENTS as usize, ..Config::default() };
    let server = Server::start(one(config, handlers));
    let mut client = Client::join(&server).await;
    client.send_all(numbered("append", 0..EVENTS)).await;
    for expected in 0..EVENTS {
        assert_eq!(soon("an event", queued.recv()).await, Some(expected));
    }
}
