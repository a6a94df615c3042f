//! How many nodes are subscribed to a channel, as its servers count them.
//!
//! Asked for when somebody waits for answers of all nodes, through a connection a server that is kept for it.

use futures_util::future::join_all;
use redis::{RedisResult, Value, aio::MultiplexedConnection, cmd};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{endpoint::Endpoint, publisher, shared::Shared, verbs::Verbs};
use crate::channel::Channel;

/// Who counts.
#[derive(Debug)]
pub(crate) struct Census {
    shared: Arc<Shared>,
    connections: Mutex<HashMap<String, MultiplexedConnection>>,
}

impl Census {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, connections: Mutex::default() }
    }

    /// The sum over these servers; `None` where one of them does not say.
    pub(crate) async fn count(&self, endpoints: &[Endpoint], channel: &Channel) -> Option<usize> {
        let counts = join_all(endpoints.iter().map(|endpoint| self.ask(endpoint, channel))).await;
        counts.into_iter().sum()
    }

    async fn ask(&self, endpoint: &Endpoint, channel: &Channel) -> Option<usize> {
        let name = endpoint.to_string();
        let kept = self.lock().get(&name).cloned();
        if let Some(connection) = kept {
            match self.ask_on(connection, channel).await {
                Ok(count) => return count,
                // It was lost meanwhile, which is known only now.
                Err(_) => drop(self.lock().remove(&name)),
            }
        }
        match self.connect(endpoint).await {
            Ok(connection) => {
                self.lock().insert(name, connection.clone());
                self.ask_on(connection, channel).await.ok().flatten()
            }
            Err(error) => {
                tracing::debug!(%endpoint, %error, "cannot ask how many nodes there are");
                None
            }
        }
    }

    async fn connect(&self, endpoint: &Endpoint) -> RedisResult<MultiplexedConnection> {
        let Shared { options, tls, shutdown, .. } = &*self.shared;
        let (connection, driver) = publisher::connect(endpoint, tls.as_ref(), &options.timing).await?;
        self.shared.spawn(shutdown, driver);
        Ok(connection)
    }

    /// `Ok(None)`: the server refuses to say.
    async fn ask_on(
        &self,
        mut connection: MultiplexedConnection,
        channel: &Channel,
    ) -> RedisResult<Option<usize>> {
        let mut command = cmd("PUBSUB");
        command.arg(Verbs::of(self.shared.options.mode).count).arg(channel.as_str());
        Ok(read(&connection.send_packed_command(&command).await?))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, MultiplexedConnection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The count in a list of the channel and it, or in a map of both.
fn read(answer: &Value) -> Option<usize> {
    let count = match answer {
        Value::Array(pair) => pair.get(1)?,
        Value::Map(pairs) => &pairs.first()?.1,
        _ => return None,
    };
    match count {
        Value::Int(count) => usize::try_from(*count).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_and_what_is_none_is_not_taken_for_one() {
        let name = Value::BulkString(b"channel".to_vec());
        assert_eq!(read(&Value::Array(vec![name.clone(), Value::Int(3)])), Some(3));
        assert_eq!(read(&Value::Map(vec![(name.clone(), Value::Int(3))])), Some(3));
        for none in [Value::Nil, Value::Array(vec![name.clone()]), Value::Array(vec![name, Value::Int(-1)])] {
            assert_eq!(read(&none), None);
        }
    }
}
