//! Copies on the servers of the bus: what comes back is what was put in, or nothing, and nobody waits.

use crate::node::{Node, channel, endpoint, one, options, within};
use bytes::Bytes;
use plaza_bus::{Cache, CacheAway, Layout, RedisOptions, Shard};
use plaza_testkit::{Redis, RedisCluster};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn cached(options: RedisOptions) -> RedisOptions {
    RedisOptions { cache: true, ..options }
}

/// Puts a copy in until it is there: the connection may not be made yet, or broken, and then nothing is taken.
async fn keep(cache: &Cache, name: &str, number: u64, copy: &'static str) {
    let copy = Bytes::from_static(copy.as_bytes());
    within("a copy", async {
        while cache.get(&channel(name), [number].into_iter(), 100).await != Ok(vec![Some(copy.clone())]) {
            cache.put(&channel(name), number, &copy, LONG);
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn get(cache: &Cache, name: &str, numbers: &[u64]) -> Result<Vec<Option<Bytes>>, CacheAway> {
    cache.get(&channel(name), numbers.iter().copied(), 8).await
}

#[tokio::test]
async fn what_was_put_in_comes_back_and_no_more_of_it_than_was_asked_for() {
    let redis = Redis::new().await.unwrap();
    assert!(Node::start(one(&redis.url())).await.bus.cache().is_none(), "off");
    let node = Node::start(cached(one(&redis.url()))).await;
    let cache = node.bus.cache().unwrap();
    keep(&cache, "{a}", 1, "one").await;
    keep(&cache, "{a}", 3, "three").await;
    let found = get(&cache, "{a}", &[3, 2, 1]).await.unwrap();
    assert_eq!(found, [Some("three".into()), None, Some("one".into())]);
    assert_eq!(get(&cache, "{b}", &[1]).await, Ok(vec![None]));
    let left = redis.ask(&["PTTL", "{a}:1"]).await.unwrap();
    assert!(matches!(left, redis::Value::Int(left) if left > 0 && left <= 60_000), "{left:?}");

    // What others have put there.
    redis.ask(&["SET", "{a}:4", &"x".repeat(1 << 20)]).await.unwrap();
    redis.ask(&["LPUSH", "{a}:5", "a list"]).await.unwrap();
    let found = get(&cache, "{a}", &[4, 5, 1]).await.unwrap();
    assert_eq!(found, [Some("xxxxxxxx".into()), None, Some("one".into())]);
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_is_silent_or_gone() {
    let mut redis = Redis::new().await.unwrap();
    let node = Node::start(cached(one(&redis.url()))).await;
    let cache = node.bus.cache().unwrap();
    keep(&cache, "{a}", 1, "one").await;
    redis.pause().await.unwrap();
    let began = Instant::now();
    for _ in 0..1_000 {
        assert_eq!(get(&cache, "{a}", &[1]).await, Err(CacheAway));
        cache.put(&channel("{a}"), 2, b"two", LONG);
    }
    // One waited, and maybe some more a second later on a busy machine.
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    redis.resume().await.unwrap();
    within("an answer", async {
        while get(&cache, "{a}", &[1]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    redis.kill().await.unwrap();
    within("the end", async { while get(&cache, "{a}", &[1]).await.is_ok() {} }).await;
    let dropped = node.bus.stats().cache_dropped;
    within("a drop", async {
        while node.bus.stats().cache_dropped == dropped {
            cache.put(&channel("{a}"), 2, b"two", LONG);
            tokio::task::yield_now().await;
        }
    })
    .await;
    redis.start().await.unwrap();
    keep(&cache, "{a}", 1, "again").await;
}

#[tokio::test]
async fn either_of_a_pair_has_it_and_shards_share_the_names() {
    let mut pair = [Redis::new().await.unwrap(), Redis::new().await.unwrap()];
    let alone = Redis::new().await.unwrap();
    let shards = vec![
        Shard::new(endpoint(&pair[0].url()), Some(endpoint(&pair[1].url()))),
        Shard::new(endpoint(&alone.url()), None),
    ];
    let node = Node::start(cached(options(Layout::Shards(shards)))).await;
    let cache = node.bus.cache().unwrap();
    let names: Vec<_> = (0..16).map(|number| format!("{{{number}}}")).collect();
    for name in &names {
        keep(&cache, name, 1, "one").await;
    }
    let count = redis::Value::Int;
    let with = names.iter().filter(|name| node.bus.shard_of(&channel(name)) == 0).count() as i64;
    assert!((1..16).contains(&with), "{with}");
    assert_eq!(alone.ask(&["DBSIZE"]).await.unwrap(), count(16 - with));
    for redis in &pair {
        redis.ask_until(&["DBSIZE"], |size| *size == count(with)).await.unwrap();
    }
    pair[0].kill().await.unwrap();
    for name in &names {
        within("the other one", async {
            while get(&cache, name, &[1]).await != Ok(vec![Some("one".into())]) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_cluster_has_each_name_where_its_slot_is_and_follows_it() {
    let cluster = RedisCluster::start().await.unwrap();
    let seeds = cluster.servers[..2].iter().map(|server| endpoint(&server.url())).collect();
    let node = Node::start(cached(options(Layout::Cluster(seeds)))).await;
    let cache = node.bus.cache().unwrap();
    for name in ["plaza:{a}", "plaza:{b}", "plaza:{c}"] {
        keep(&cache, name, 1, "one").await;
        let owner = cluster.owner(name).await.unwrap();
        assert_eq!(cluster.servers[owner].text(&["GET", &format!("{name}:1")]).await.unwrap(), "one");
    }
    // A slot with a key in it moves only with that.
    let owner = cluster.owner("plaza:{a}").await.unwrap();
    cluster.servers[owner].ask(&["DEL", "plaza:{a}:1"]).await.unwrap();
    let to = (owner + 1) % 3;
    cluster.move_slot("plaza:{a}", to).await.unwrap();
    keep(&cache, "plaza:{a}", 1, "moved").await;
    assert_eq!(cluster.servers[to].text(&["GET", "plaza:{a}:1"]).await.unwrap(), "moved");
}
