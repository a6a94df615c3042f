//! The nodes of a cluster: each holds a lease in the store and renews it, and says how many are connected to it. What a
//! node that was killed leaves behind, any other clears away once its lease has ended.
//!
//! Leases are told by the database's clock, so that no node's clock can end another's. A bus that is down ends none. After
//! a pause of its own, such as a database that was away, a node renews first, and judges the others a lease later: all of
//! them had the same pause.

use crate::{
    Chat, Presence, Subscriber,
    courier::{Courier, ForAll},
    log::parsed,
    words::{rows, words},
};
use plaza_protocol::{Timestamp, UserId};
use plaza_store::StoreError;
use sqlx::{AnyConnection, Row as _};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// Renewals in the time of a lease.
const RENEWALS: u32 = 3;

/// What a node says of itself.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// Its name, as clients see it.
    pub name: String,
    /// Connections to it.
    pub connections: u64,
    /// When it said so.
    pub updated_at: Timestamp,
}

/// This node's place among the others.
pub struct Membership {
    chat: Chat,
    courier: Courier,
    name: String,
    lease: Duration,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("node", &self.name).finish_non_exhaustive()
    }
}

/// Why a node cannot be one of the others.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Its name leads to another one.
    #[error("Another node is called {0:?} and is alive. Give each its own name (server.node).")]
    NameTaken(String),
    /// They would not hear each other.
    #[error(
        "Node {0:?} runs on this database already, and without a bus nodes do not hear each other. Set bus.kind on all of them."
    )]
    NotAlone(String),
    /// The store does not say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Membership {
    /// Takes a lease. A node that was killed and comes back under its name waits until the old lease has ended. Before
    /// this nobody is let in, so that what a node leaves behind is always cleared away. `alone`: its bus reaches no other
    /// node, so there must be none.
    ///
    /// # Errors
    /// [`JoinError`].
    pub async fn join(chat: &Chat, courier: &Courier, name: &str, alone: bool) -> Result<Self, JoinError> {
        const LOOK: Duration = Duration::from_millis(200);
        let lease = Duration::from_millis(chat.settings().lease_ms.into());
        let name = name.to_owned();
        let member = Self { chat: chat.clone(), courier: courier.clone(), name, lease };
        let until = Instant::now() + 2 * lease;
        while let Some(error) = member.in_the_way(alone).await? {
            if Instant::now() >= until {
                return Err(error);
            }
            sleep(LOOK).await;
        }
        member.renew(0).await?;
        Ok(member)
    }

    async fn in_the_way(&self, alone: bool) -> Result<Option<JoinError>, StoreError> {
        let mut reader = self.chat.inner.store.read().await?;
        let others = sqlx::query(words(&reader).nodes).fetch_all(&mut *reader).await?;
        for row in &others {
            let name: String = row.try_get(0)?;
            if name == self.name {
                return Ok(Some(JoinError::NameTaken(name)));
            }
            if alone {
                return Ok(Some(JoinError::NotAlone(name)));
            }
        }
        Ok(None)
    }

    /// Keeps the lease until `shutdown`; then it ends in its own time, for people to come to other nodes without having
    /// been away. `connections` are counted when it is renewed. `presence`, where clients are connected to this process, is
    /// told of nodes that are gone.
    pub async fn keep<S: Subscriber>(
        self,
        presence: Option<Presence<S>>,
        connections: impl Fn() -> u64 + Send,
        shutdown: CancellationToken,
    ) {
        let mut renewal = interval(self.lease / RENEWALS);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut renewed, mut judging) = (Instant::now(), Instant::now() + self.lease);
        while shutdown.run_until_cancelled(renewal.tick()).await.is_some() {
            match self.renew(connections()).await {
                Ok(was_known) => {
                    let now = Instant::now();
                    if now - renewed > self.lease {
                        judging = now + self.lease;
                    }
                    renewed = now;
                    if !was_known {
                        // Others have cleared away what this node had said.
                        self.courier.say_all_again();
                    }
                    if now >= judging
                        && let Err(error) = self.clear(presence.as_ref()).await
                    {
                        tracing::warn!(%error, "What nodes left behind that are gone was not cleared away");
                    }
                }
                Err(error) => tracing::warn!(%error, "This node's lease was not renewed"),
            }
        }
        if let Err(error) = self.leave().await {
            tracing::warn!(%error, "This node's name is free only once its lease has ended");
        }
    }

    async fn leave(&self) -> Result<(), StoreError> {
        let mut tx = self.chat.inner.store.write().await?;
        let leave = sqlx::query("UPDATE nodes SET name = NULL, connections = 0 WHERE id = $1");
        leave.bind(self.courier.node()).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Whether the node was known.
    async fn renew(&self, connections: u64) -> Result<bool, StoreError> {
        let mut tx = self.chat.inner.store.write().await?;
        let lease = i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX);
        let renewed = sqlx::query(words(&tx).renew_lease)
            .bind(self.courier.node())
            .bind(connections as i64)
            .bind(lease)
            .execute(&mut *tx)
            .await?;
        let was_known = renewed.rows_affected() > 0;
        if !was_known {
            sqlx::query(words(&tx).begin_lease)
                .bind(self.courier.node())
                .bind(&self.name)
                .bind(connections as i64)
                .bind(lease)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(was_known)
    }

    /// Forgets nodes whose leases have ended, and tells who was online with them alone that they were last seen then.
    async fn clear<S: Subscriber>(&self, presence: Option<&Presence<S>>) -> Result<(), StoreError> {
        let mut reader = self.chat.inner.store.read().await?;
        if ended(&mut reader).await?.is_empty() {
            return Ok(());
        }
        drop(reader);
        let mut tx = self.chat.inner.store.write().await?;
        let ended = ended(&mut tx).await?;
        for (node, until) in &ended {
            let people = sqlx::query("DELETE FROM online WHERE node = $1 RETURNING user_id")
                .bind(node)
                .fetch_all(&mut *tx)
                .await?;
            let people: Vec<UserId> = people.iter().map(|row| parsed(row, 0)).collect::<sqlx::Result<_>>()?;
            sqlx::query(words(&tx).last_seen).bind(rows(&people)?).bind(until).execute(&mut *tx).await?;
            sqlx::query("DELETE FROM nodes WHERE id = $1").bind(node).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        for (node, _) in ended {
            tracing::info!(node, "A node is gone: its lease has ended");
            self.courier.tell_all(&ForAll::Gone(node.clone()));
            if let Some(presence) = presence {
                presence.node_gone(node).await;
            }
        }
        Ok(())
    }
}

/// Nodes whose leases have ended, and when.
async fn ended(connection: &mut AnyConnection) -> Result<Vec<(String, i64)>, StoreError> {
    let ended = sqlx::query(words(connection).ended_leases).fetch_all(connection).await?;
    Ok(ended.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<sqlx::Result<_>>()?)
}

impl Chat {
    /// The nodes that run on this store, by name; none where a node is alone.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, plaza_protocol::Error> {
        let mut reader = self.inner.store.read().await.map_err(crate::unavailable)?;
        let rows =
            sqlx::query(words(&reader).nodes).fetch_all(&mut *reader).await.map_err(crate::unavailable)?;
        let nodes: sqlx::Result<_> = rows
            .iter()
            .map(|row| {
                Ok(NodeInfo {
                    name: row.try_get(0)?,
                    connections: row.try_get::<i64, _>(1)?.unsigned_abs(),
                    updated_at: Timestamp::from_millis(row.try_get(2)?),
                })
            })
            .collect();
        nodes.map_err(crate::unavailable)
    }
}
