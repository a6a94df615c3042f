//! One connection to a server that keeps copies and gives them back.
//!
//! Apart from publishing, so that neither waits for the other. A copy is a string of its own that expires: it is
//! written by one `SET`, and read by `GETRANGE`, which gives no more bytes than were asked for, whoever has written them.

use bytes::Bytes;
use redis::{Cmd, Pipeline, RedisResult, ServerError, Value, aio::MultiplexedConnection, cmd};
use rustls::ClientConfig;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{backoff::Backoff, endpoint::Endpoint, hints::Hints, publisher};
use crate::{cache::CacheAway, channel::Channel, counters::Counters, options::Timing};

/// How long an answer is worth waiting for.
const PATIENCE: Duration = Duration::from_millis(25);
/// How long nobody asks a server that was too slow.
const REST: Duration = Duration::from_secs(1);
/// Most copies that wait to be written; what finds no room is dropped.
const MOST_WAITING: usize = 1_024;
/// Most copies written in one go.
const BATCH: usize = 256;
/// Most questions under way: with more, the log is the faster place, and what the server answers would take much memory.
const MOST_ASKED: usize = 16;

/// A connection that keeps copies.
pub(crate) struct Keeper {
    endpoint: Endpoint,
    tls: Option<Arc<ClientConfig>>,
    timing: Timing,
    hints: Hints,
    counters: Arc<Counters>,
    state: Mutex<State>,
    writing: mpsc::Sender<Cmd>,
    asking: Semaphore,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// It was too slow: it is not asked before then.
    rests_until: Option<Instant>,
}

impl Keeper {
    /// And what is to be written by [`Keeper::run`].
    pub(crate) fn new(
        endpoint: Endpoint,
        tls: Option<Arc<ClientConfig>>,
        timing: Timing,
        hints: Hints,
        counters: Arc<Counters>,
    ) -> (Arc<Self>, mpsc::Receiver<Cmd>) {
        let (writing, written) = mpsc::channel(MOST_WAITING);
        let (state, asking) = (Mutex::default(), Semaphore::new(MOST_ASKED));
        (Arc::new(Self { endpoint, tls, timing, hints, counters, state, writing, asking }), written)
    }

    /// Connects, writes, and connects anew. Runs until it is dropped.
    pub(crate) async fn run(self: Arc<Self>, mut written: mpsc::Receiver<Cmd>) {
        let mut backoff = Backoff::new(self.timing.backoff_least, self.timing.backoff_most);
        loop {
            let since = Instant::now();
            match publisher::connect(&self.endpoint, self.tls.as_ref(), &self.timing).await {
                Ok((connection, driver)) => {
                    *self.lock() = State { connection: Some(connection.clone()), rests_until: None };
                    let error = tokio::select! {
                        () = driver => None,
                        error = self.write(connection, &mut written) => Some(error),
                    };
                    self.lock().connection = None;
                    tracing::debug!(endpoint = %self.endpoint, ?error, "the cache's connection has ended");
                }
                Err(error) => tracing::debug!(endpoint = %self.endpoint, %error, "the cache is away"),
            }
            while written.try_recv().is_ok() {
                self.counters.cache_dropped.fetch_add(1, Relaxed);
            }
            if since.elapsed() > self.timing.silence {
                backoff.reset();
            }
            sleep(backoff.next()).await;
        }
    }

    /// Until the connection is of no use any more.
    async fn write(&self, connection: MultiplexedConnection, written: &mut mpsc::Receiver<Cmd>) -> String {
        let mut beat = interval(self.timing.heartbeat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = written.recv_many(&mut batch, BATCH) => if count == 0 {
                    return "it is shut down".to_owned();
                },
                _ = beat.tick() => batch.push(cmd("PING")),
            }
            match answers(connection.clone(), batch.drain(..)).await {
                Ok(answers) => {
                    let refused = answers.iter().filter(|answer| self.refused(answer)).count();
                    self.counters.cache_dropped.fetch_add(refused as u64, Relaxed);
                }
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Whether it would be asked now.
    pub(crate) fn is_able(&self) -> bool {
        self.ready().is_some()
    }

    fn ready(&self) -> Option<MultiplexedConnection> {
        let state = self.lock();
        let rested = state.rests_until.is_none_or(|until| until <= Instant::now());
        state.connection.clone().filter(|_| rested)
    }

    pub(crate) fn put(&self, name: &Channel, number: u64, copy: &[u8], expiry: Duration) {
        let mut set = cmd("SET");
        set.arg(key(name, number)).arg(copy).arg("PX").arg(expiry.as_millis() as u64);
        // What waits for a server that is away would be old when it is back.
        if self.lock().connection.is_none() || self.writing.try_send(set).is_err() {
            self.counters.cache_dropped.fetch_add(1, Relaxed);
        }
    }

    pub(crate) async fn get(
        &self,
        name: &Channel,
        numbers: impl ExactSizeIterator<Item = u64>,
        most: usize,
    ) -> Result<Vec<Option<Bytes>>, CacheAway> {
        let _turn = self.asking.try_acquire().map_err(|_| CacheAway)?;
        let connection = self.ready().ok_or(CacheAway)?;
        let questions = numbers.map(|number| {
            let mut question = cmd("GETRANGE");
            question.arg(key(name, number)).arg(0).arg(most as u64 - 1);
            question
        });
        match timeout(PATIENCE, answers(connection, questions)).await {
            Ok(answers) => {
                let answers = answers.map_err(|_| CacheAway)?;
                answers.into_iter().map(|answer| self.copy(answer)).collect()
            }
            Err(_) => {
                self.lock().rests_until = Some(Instant::now() + REST);
                Err(CacheAway)
            }
        }
    }

    /// What a question was answered with; an error where the server has not, or no more, what is asked for.
    fn copy(&self, answer: Value) -> Result<Option<Bytes>, CacheAway> {
        match answer {
            Value::BulkString(copy) => Ok((!copy.is_empty()).then(|| copy.into())),
            // Such as one that is no string.
            Value::ServerError(error) if !self.hints.moved(&said(&error)) => Ok(None),
            Value::Nil => Ok(None),
            _ => Err(CacheAway),
        }
    }

    fn refused(&self, answer: &Value) -> bool {
        let Value::ServerError(error) = answer else { return false };
        self.hints.moved(&said(error));
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends commands in one go, and gives what each was answered with.
async fn answers(
    connection: MultiplexedConnection,
    commands: impl ExactSizeIterator<Item = Cmd>,
) -> RedisResult<Vec<Value>> {
    let count = commands.len();
    let mut pipeline = Pipeline::with_capacity(count);
    commands.for_each(|command| _ = pipeline.add_command(command));
    let mut connection = connection;
    connection.send_packed_commands(&pipeline, 0, count).await
}

/// The name is a hash tag or holds one, so all copies of a name are with one server.
fn key(name: &Channel, number: u64) -> String {
    format!("{name}:{number}")
}

/// A server's error as it said it.
fn said(error: &ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default())
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keeper({})", self.endpoint)
    }
}
