//! When people were last seen: stored when their last connection has ended, many in one transaction.

use crate::{
    Chat,
    words::{self, words},
};
use plaza_protocol::{Timestamp, UserId};
use plaza_store::StoreError;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

/// Most people in one transaction: others wait for the writer no longer than for a batch of messages.
const AT_ONCE: usize = 1_000;
/// How long to wait after the store could not take it.
const AGAIN: Duration = Duration::from_secs(2);

/// What is still to be written. There is at most one entry a person.
#[derive(Default)]
pub(super) struct LastSeen {
    unwritten: Mutex<Arc<HashMap<UserId, Timestamp>>>,
    more: Notify,
}

impl LastSeen {
    /// Somebody's last connection ended then.
    pub(super) fn note(&self, people: impl IntoIterator<Item = (UserId, Timestamp)>) {
        Arc::make_mut(&mut self.lock()).extend(people);
        self.more.notify_one();
    }

    /// What the store does not say yet.
    pub(super) fn unwritten(&self) -> Arc<HashMap<UserId, Timestamp>> {
        Arc::clone(&self.lock())
    }

    /// These are written. Of one who came and went again meanwhile the newer time stays.
    fn written(&self, people: &[(&UserId, &Timestamp)]) {
        let mut unwritten = self.lock();
        let unwritten = Arc::make_mut(&mut unwritten);
        for (user, at) in people {
            if unwritten.get(*user) == Some(*at) {
                unwritten.remove(*user);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<HashMap<UserId, Timestamp>>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is noted, until all is `noted`.
pub(super) async fn write(chat: Chat, last_seen: Arc<LastSeen>, noted: CancellationToken) {
    while noted.run_until_cancelled(last_seen.more.notified()).await.is_some() {
        while let Err(error) = write_all(&chat, &last_seen).await {
            tracing::warn!(%error, "When people were last seen was not stored yet");
            if noted.run_until_cancelled(sleep(AGAIN)).await.is_none() {
                break;
            }
        }
    }
    if let Err(error) = write_all(&chat, &last_seen).await {
        tracing::warn!(%error, "When people were last seen was not stored");
    }
}

async fn write_all(chat: &Chat, last_seen: &LastSeen) -> Result<(), StoreError> {
    let unwritten = last_seen.unwritten();
    let people: Vec<_> = unwritten.iter().collect();
    for some in people.chunks(AT_ONCE) {
        let rows: Vec<_> = some.iter().map(|(user, at)| (user, at.as_millis())).collect();
        let mut tx = chat.inner.store.write().await?;
        sqlx::query(words(&tx).see_people).bind(words::rows(&rows)?).execute(&mut *tx).await?;
        tx.commit().await?;
        last_seen.written(some);
    }
    Ok(())
}
