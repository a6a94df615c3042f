//! One connection that publishes: batches, pipelined, and nobody waits for the answers but to count errors.

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use redis::{
    AsyncConnectionConfig, ErrorKind, Pipeline, RedisResult, Value, aio::MultiplexedConnection, cmd,
};
use rustls::ClientConfig;
use std::{
    fmt,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::Poll,
    time::Instant,
};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::{
    backoff::Backoff,
    desk::ServerId,
    dial::dial,
    endpoint::Endpoint,
    hints::Hints,
    outbox::{Message, Outbox},
    probe,
    states::{Outgoing, States},
    verbs::Verbs,
};
use crate::{counters::Counters, options::Timing};

/// Most messages, and about the most bytes, sent in one go.
const BATCH: (usize, usize) = (512, 256 * 1024);
/// Most batches under way.
const MOST_BATCHES: usize = 8;

/// A connection that publishes.
pub(crate) struct Publisher {
    pub(crate) endpoint: Endpoint,
    pub(crate) server: ServerId,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) verbs: &'static Verbs,
    pub(crate) timing: Timing,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) outgoing: Arc<Outgoing>,
    pub(crate) states: Arc<States>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) hints: Hints,
}

/// A connection, and what drives it.
pub(crate) type Connected = (MultiplexedConnection, Pin<Box<dyn Future<Output = ()> + Send>>);

/// Connects, says the password and waits for a sign of life, within the time for connecting: a server that stands
/// still, or has too many clients, takes connections as well.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    tls: Option<&Arc<ClientConfig>>,
    timing: &Timing,
) -> RedisResult<Connected> {
    let connecting = async {
        let stream = dial(endpoint, tls).await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(timing.silence));
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&endpoint.settings(), stream, config).await?;
        let mut driver: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(driver);
        tokio::select! {
            alive = ping(connection.clone()) => alive?,
            () = &mut driver => return Err((ErrorKind::Io, "the connection was closed").into()),
        }
        Ok((connection, driver))
    };
    match timeout(timing.connect, connecting).await {
        Ok(connected) => connected,
        Err(_) => {
            let why = format!("no connection within {} ms", timing.connect.as_millis());
            Err((ErrorKind::Io, "connecting", why).into())
        }
    }
}

/// A batch's messages and what was answered.
type Answer = (Vec<Message>, RedisResult<Vec<Value>>);

impl Publisher {
    /// Connects, publishes, and connects anew. Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(self.timing.backoff_least, self.timing.backoff_most);
        let mut broken = false;
        loop {
            let since = Instant::now();
            let why = match connect(&self.endpoint, self.tls.as_ref(), &self.timing).await {
                Ok(connected) => {
                    self.counters.connects.fetch_add(1, Relaxed);
                    self.outbox.open();
                    self.states.publishing(self.server, None);
                    if std::mem::take(&mut broken) {
                        self.outgoing.mends(self.server);
                    }
                    let mut flying = 0;
                    let why = self.publish(connected, &mut flying).await;
                    self.counters.disconnects.fetch_add(1, Relaxed);
                    self.counters.publish_failed.fetch_add(flying as u64, Relaxed);
                    why
                }
                Err(error) => error.to_string(),
            };
            self.outbox.close();
            if std::mem::replace(&mut broken, true) {
                self.outgoing.still(self.server, &why);
            } else {
                self.outgoing.breaks(self.server, &why);
            }
            self.hints.trouble();
            if since.elapsed() > self.timing.silence {
                backoff.reset();
            }
            sleep(backoff.next()).await;
        }
    }

    /// Publishes until the connection ends, and says why. So many messages are on their way, and perhaps lost then.
    async fn publish(&self, (connection, mut driver): Connected, flying: &mut usize) -> String {
        let mut beat = interval(self.timing.heartbeat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut under_way = FuturesUnordered::new();
        let mut asking: BoxFuture<'_, RedisResult<()>> = Box::pin(self.ask(connection.clone()));
        let mut asked = false;
        loop {
            tokio::select! {
                () = &mut driver => return "the connection was closed".to_owned(),
                Some((messages, answers)) = under_way.next(), if !under_way.is_empty() => {
                    let messages: Vec<Message> = messages;
                    *flying -= messages.len();
                    if let Err(why) = self.answered((messages, answers)) {
                        return why;
                    }
                }
                () = self.outbox.filled(), if under_way.len() < MOST_BATCHES => {
                    let messages = self.outbox.take(BATCH.0, BATCH.1);
                    let count = messages.len();
                    let mut batch = Box::pin(self.send(connection.clone(), messages));
                    // The first poll puts it in line, so batches go out in their order.
                    let at_once = std::future::poll_fn(|context| Poll::Ready(batch.as_mut().poll(context))).await;
                    match at_once {
                        Poll::Pending => {
                            *flying += count;
                            under_way.push(batch);
                        }
                        Poll::Ready(answer) => if let Err(why) = self.answered(answer) {
                            return why;
                        },
                    }
                }
                alive = &mut asking, if !asked => {
                    if let Err(error) = alive {
                        return error.to_string();
                    }
                    asked = true;
                }
                _ = beat.tick(), if asked => {
                    asking = Box::pin(ping(connection.clone()));
                    asked = false;
                }
            }
        }
    }

    /// Asks the server what it is, for whoever looks at the state.
    async fn ask(&self, connection: MultiplexedConnection) -> RedisResult<()> {
        let found = probe::found(connection, self.verbs).await?;
        self.states.found(self.server, &found.to_string());
        Ok(())
    }

    async fn send(&self, mut connection: MultiplexedConnection, messages: Vec<Message>) -> Answer {
        let mut pipeline = Pipeline::with_capacity(messages.len());
        for Message { channel, payload, .. } in &messages {
            let mut publish = cmd(self.verbs.publish);
            publish.arg(channel.as_str()).arg(&payload[..]);
            pipeline.add_command(publish);
        }
        let answers = connection.send_packed_commands(&pipeline, 0, messages.len()).await;
        (messages, answers)
    }

    /// Looks what became of a batch; an error ends the connection.
    fn answered(&self, (messages, answers): Answer) -> Result<(), String> {
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                self.counters.publish_failed.fetch_add(messages.len() as u64, Relaxed);
                return Err(error.to_string());
            }
        };
        for (message, answer) in messages.into_iter().zip(answers) {
            if let Value::ServerError(error) = answer {
                self.refused(message, &said(&error))?;
            }
        }
        Ok(())
    }

    fn refused(&self, message: Message, why: &str) -> Result<(), String> {
        let moved = self.hints.moved(why);
        if moved && self.hints.again(message) {
            return Ok(());
        }
        self.counters.publish_failed.fetch_add(1, Relaxed);
        // One channel may be forbidden and the rest not; of everything else the next connection may know better.
        if moved || why.starts_with("NOPERM") {
            self.outgoing.lost();
            return Ok(());
        }
        Err(format!("a message was refused: {why}"))
    }
}

/// A server's error as it said it.
fn said(error: &redis::ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default())
}

async fn ping(mut connection: MultiplexedConnection) -> RedisResult<()> {
    cmd("PING").query_async::<Value>(&mut connection).await.map(drop)
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publisher({})", self.endpoint)
    }
}
