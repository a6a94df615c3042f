//! Who is online with which node, and who may see it.

use super::*;
use plaza_protocol::{BlockUser, UnblockUser};

impl Cluster {
    /// With how many nodes somebody is online.
    async fn elsewhere(&self, user: &User) -> i64 {
        use sqlx::Row as _;
        let mut reader = self.world.store.read().await.unwrap();
        let count = sqlx::query("SELECT COUNT(*) FROM online WHERE user_id = $1").bind(user.id.as_str());
        count.fetch_one(&mut *reader).await.unwrap().get(0)
    }
}

impl Node {
    /// A connection of somebody that watches these people.
    async fn watch(&self, user: &User, people: &[&User]) -> Arc<Seen> {
        let (seen, id) = (Arc::new(Seen::default()), self.presence.number());
        self.presence.came(id, user.id.clone(), Arc::clone(&seen)).await;
        let add = people.iter().map(|user| user.id.as_str().to_owned().try_into().unwrap()).collect();
        let (answer, answered) = tokio::sync::oneshot::channel();
        let request = plaza_protocol::WatchPresence { add, remove: Vec::new() };
        let answer = Box::new(move |list: Result<_, _>| answer.send(list).unwrap());
        self.presence.watch(id, &user.id, request, answer).await;
        answered.await.unwrap().unwrap();
        seen
    }

    async fn come_online(&self, user: &User) -> plaza_chat::PresenceId {
        let id = self.presence.number();
        self.presence.came(id, user.id.clone(), Arc::default()).await;
        id
    }

    async fn online(&self, asker: &User, people: &[&User]) -> Vec<String> {
        let users = people.iter().map(|user| user.id.as_str().to_owned().try_into().unwrap()).collect();
        let list = self.presence.get(&asker.id, plaza_protocol::GetPresence { users }).await.unwrap();
        list.online.into_iter().map(|user| user.name).collect()
    }
}

/// Whether somebody was said to be online, in the order of the sayings.
fn comings(items: &[Item]) -> Vec<bool> {
    let coming = |item: &Item| match item {
        Item::Presence(event) => Some(event.online),
        _ => None,
    };
    items.iter().filter_map(coming).collect()
}

#[tokio::test]
async fn one_is_online_with_any_node_and_offline_with_the_last() {
    let cluster = Cluster::of(3).await;
    let (ana, ben) = (cluster.world.user("Ana").await, cluster.world.user("Ben").await);
    let watcher = cluster.nodes[0].watch(&ben, &[&ana]).await;
    let told = |expected: &'static [bool]| move |items: &[Item]| (comings(items) == expected).then_some(());
    let first = cluster.nodes[1].come_online(&ana).await;
    watcher.until(told(&[true])).await;
    let second = cluster.nodes[2].come_online(&ana).await;
    while cluster.elsewhere(&ana).await < 2 {
        tokio::task::yield_now().await;
    }
    cluster.nodes[1].presence.went(first).await;
    while cluster.elsewhere(&ana).await > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cluster.nodes[1].online(&ben, &[&ana]).await, ["Ana"], "with the other one still");
    cluster.nodes[2].presence.went(second).await;
    watcher.until(told(&[true, false])).await;
    assert!(cluster.nodes[1].online(&ben, &[&ana]).await.is_empty());
}

#[tokio::test]
async fn who_was_online_with_a_node_that_was_killed_is_so_no_more_once_its_lease_has_ended() {
    let cluster = Cluster::of(3).await;
    let (ana, ben, cem) =
        (cluster.world.user("Ana").await, cluster.world.user("Ben").await, cluster.world.user("Cem").await);
    let watchers =
        [cluster.nodes[0].watch(&ben, &[&ana, &cem]).await, cluster.nodes[2].watch(&cem, &[&ana]).await];
    cluster.nodes[1].come_online(&ana).await;
    // One of Cem's two connections is with that node.
    cluster.nodes[1].come_online(&cem).await;
    for (watcher, expected) in watchers.iter().zip([2, 1]) {
        watcher.until(|items| (comings(items) == vec![true; expected]).then_some(())).await;
    }
    cluster.nodes[1].kill.cancel();
    for (watcher, expected) in watchers.iter().zip([2, 1]) {
        watcher.until(|items| (comings(items).len() == expected + 1).then_some(())).await;
    }
    assert_eq!(cluster.nodes[0].online(&ben, &[&ana, &cem]).await, ["Cem"]);
    let nodes = cluster.nodes[0].chat.nodes().await.unwrap();
    assert_eq!(nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["node0", "node2"]);
}

#[tokio::test]
async fn who_comes_while_the_bus_is_down_is_found() {
    let cluster = Cluster::of(2).await;
    let (ana, ben) = (cluster.world.user("Ana").await, cluster.world.user("Ben").await);
    let watcher = cluster.nodes[0].watch(&ben, &[&ana]).await;
    cluster.bus.set_down(true);
    cluster.nodes[1].come_online(&ana).await;
    watcher.until(|items| (comings(items) == [true]).then_some(())).await;
    // Nobody goes because of it, and whoever blocks or hides is not seen when it is back.
    cluster.bus.set_down(false);
    let request = plaza_protocol::SetPresence { visible: false };
    cluster.nodes[1].presence.set(&ana.id, request).await.unwrap();
    watcher.until(|items| (comings(items) == [true, false]).then_some(())).await;
}

#[tokio::test]
async fn who_blocks_while_the_bus_is_down_is_seen_no_more_on_other_nodes_either() {
    let cluster = Cluster::of(2).await;
    let (ana, ben, cem) =
        (cluster.world.user("Ana").await, cluster.world.user("Ben").await, cluster.world.user("Cem").await);
    let [here, there] = &cluster.nodes[..] else { unreachable!() };
    let (blocked, other) = (here.watch(&ben, &[&ana]).await, here.watch(&cem, &[&ana]).await);
    there.come_online(&ana).await;
    let told = |expected: &'static [bool]| move |items: &[Item]| (comings(items) == expected).then_some(());
    blocked.until(told(&[true])).await;
    other.until(told(&[true])).await;
    let user: plaza_protocol::UserRef = ben.id.as_str().to_owned().try_into().unwrap();

    // It stays down: what nodes know they have found by themselves.
    cluster.bus.set_down(true);
    there.chat.block_user(&ana.id, BlockUser { user: user.clone() }).await.unwrap();
    there.presence.block_changed(&ana.id, &ben.id).await.unwrap();
    blocked.until(told(&[true, false])).await;
    there.chat.unblock_user(&ana.id, UnblockUser { user }).await.unwrap();
    there.presence.block_changed(&ana.id, &ben.id).await.unwrap();
    blocked.until(told(&[true, false, true])).await;
    assert_eq!(comings(&other.items.lock().unwrap()), [true], "nobody else notices");
}
