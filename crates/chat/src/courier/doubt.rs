//! After a commit of which nobody knows whether it was stored: all nodes compare positions as soon as the store answers.
//!
//! Nobody was told what was in it. Nodes would find it the next time they compare, which may be long after, since neither
//! their connections nor the bus need to have noticed anything.

use super::{Courier, ForAll};
use plaza_store::{Health, Store};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Notify, time::sleep};

/// How often nodes look, and how long after each other: the server may be at that commit still when it answers others.
const LOOKS: u32 = 3;
const APART: Duration = Duration::from_secs(1);
/// How often the store is tried.
const TRY: Duration = Duration::from_millis(500);

/// Whenever there is such a `doubt`. Until it is dropped.
pub(crate) async fn look_again(courier: Courier, store: Store, doubt: Arc<Notify>) {
    loop {
        doubt.notified().await;
        for look in 0..LOOKS {
            if look > 0 {
                sleep(APART).await;
            }
            while !answers(&store).await {
                sleep(TRY).await;
            }
            courier.tell_all(&ForAll::Look);
            courier.inner.missed.send_replace(());
        }
    }
}

/// Whether the store does not count as away.
pub(super) async fn answers(store: &Store) -> bool {
    // Full is not away.
    let _ = store.can_write().await;
    store.health() != Health::Unreachable
}
