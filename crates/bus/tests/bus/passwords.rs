//! Who is let in, and who refuses.

use crate::node::{Node, endpoint, one, options};
use plaza_bus::{Bus, BusError, BusOptions, Direction, Layout, Link, RedisOptions};
use plaza_testkit::{Redis, RedisSetup, free_port};
use tokio_util::sync::CancellationToken;

async fn refusal(options: RedisOptions) -> BusError {
    match Bus::start(BusOptions::new(Link::Redis(options)), CancellationToken::new()).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_password_is_said_and_a_wrong_one_ends_the_start() {
    let redis = RedisSetup::default().password("open sesame").start().await.unwrap();
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", redis.port());
    let mut node = Node::start(one(&url("open%20sesame"))).await;
    let _held = node.hears("room:1").await;
    node.says("room:1", "let in");
    assert_eq!(node.message().await.1, "let in");
    let wrong = refusal(one(&url("guess"))).await;
    assert!(matches!(&wrong, BusError::WrongPassword { .. }), "{wrong}");
    assert!(!format!("{wrong} {wrong:?}").contains("guess"));
    let none = refusal(one(&format!("redis://127.0.0.1:{}", redis.port()))).await;
    assert!(matches!(&none, BusError::WrongPassword { .. }), "{none}");
}

#[tokio::test]
async fn a_user_of_its_own_may_do_no_more_than_it_must() {
    let redis = Redis::new().await.unwrap();
    let rights = "ACL SETUSER plaza on >secret resetchannels &room:* -@all +ping +info +command|info +ssubscribe +sunsubscribe +spublish";
    redis.ask(&rights.split(' ').collect::<Vec<_>>()).await.unwrap();
    let mut node = Node::start(one(&format!("redis://plaza:secret@127.0.0.1:{}", redis.port()))).await;
    let _held = node.hears("room:1").await;
    node.says("room:1", "heard");
    assert_eq!(node.message().await.1, "heard");
    // What it may not hear it does not, and all else goes on.
    let forbidden = node.bus.subscribe(&crate::node::channel("secret"));
    node.says("secret", "not said");
    // The others may have missed something: this.
    node.interrupted(Direction::Out).await;
    node.says("room:1", "goes on");
    assert_eq!(node.message().await.1, "goes on");
    assert_eq!((node.bus.stats().publish_failed, node.bus.stats().disconnects), (1, 0));
    assert!(!forbidden.is_subscribed());
}

#[tokio::test]
async fn a_server_elsewhere_without_password_is_refused() {
    // An address for documentation: nobody is there, and nobody is asked.
    let elsewhere = || options(Layout::One(endpoint("redis://192.0.2.1")));
    let error = refusal(elsewhere()).await;
    assert!(matches!(&error, BusError::NoPassword(server) if server == "192.0.2.1:6379"), "{error}");
    let mut allowed = elsewhere();
    allowed.allow_no_password = true;
    let node = Node::start(allowed).await;
    assert!(node.bus.found().contains("cannot be reached"));
}

#[tokio::test]
async fn what_a_server_cannot_do_is_said_at_start() {
    let redis = Redis::new().await.unwrap();
    let error = refusal(options(Layout::Cluster(vec![endpoint(&redis.url())]))).await;
    assert!(matches!(&error, BusError::Cannot { .. }), "{error}");
    let gossip = free_port().to_string();
    let member = RedisSetup::default().setting("--cluster-enabled", "yes").setting("--cluster-port", &gossip);
    let member = member.start().await.unwrap();
    let error = refusal(one(&member.url())).await;
    assert!(
        error.to_string().contains("part of a Redis Cluster, and single servers are configured"),
        "{error}"
    );
}
