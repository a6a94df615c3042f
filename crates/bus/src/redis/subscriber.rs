//! Keeps a connection to one of a shard's servers, on which all is heard.

use bytes::{Buf as _, BytesMut};
use rustls::ClientConfig;
use std::sync::{Arc, atomic::Ordering::Relaxed};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, sleep, timeout},
};

use super::{
    backoff::Backoff,
    desk::ServerId,
    dial::{Stream, dial},
    endpoint::Endpoint,
    resp::{Reply, command, parse},
    session::{Context, Ended, Session},
    states::States,
};
use crate::counters::Counters;

/// Most bytes of an answer to a greeting.
const GREETING: usize = 64 * 1024;

/// Where everything of a shard, or of one of a cluster's servers, is heard.
pub(crate) struct Subscriber {
    /// One server, or a pair of which either will do.
    pub(crate) endpoints: Vec<(ServerId, Endpoint)>,
    /// The one to begin with.
    pub(crate) first: usize,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) states: Arc<States>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) context: Context,
}

impl Subscriber {
    /// Connects, listens, and connects anew, to the other of a pair if there is one. Runs until it is dropped.
    pub(crate) async fn run(self) {
        let timing = self.context.timing;
        let mut backoff = Backoff::new(timing.backoff_least, timing.backoff_most);
        let mut failed = 0;
        let mut at = self.first % self.endpoints.len();
        loop {
            let (server, endpoint) = &self.endpoints[at];
            let since = Instant::now();
            let why = match self.connect(endpoint).await {
                Ok(stream) => {
                    failed = 0;
                    self.counters.connects.fetch_add(1, Relaxed);
                    for (server, _) in &self.endpoints {
                        self.states.subscribing(*server, None);
                    }
                    let why = Session::new(&self.context).run(stream).await;
                    self.counters.disconnects.fetch_add(1, Relaxed);
                    why
                }
                Err(why) => why,
            };
            self.states.subscribing(*server, Some(&why.to_string()));
            self.context.hints.trouble();
            if since.elapsed() > timing.silence {
                backoff.reset();
            }
            at = (at + 1) % self.endpoints.len();
            failed += 1;
            if failed >= self.endpoints.len() {
                failed = 0;
                sleep(backoff.next()).await;
            }
        }
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Stream, Ended> {
        let limit = self.context.timing.connect;
        let connecting = async {
            let mut stream = dial(endpoint, self.tls.as_ref()).await?;
            greet(&mut stream, endpoint).await?;
            Ok(stream)
        };
        timeout(limit, connecting).await.unwrap_or(Err(Ended::Silent(limit)))
    }
}

/// Says the password, and waits for a sign of life.
async fn greet(stream: &mut Stream, endpoint: &Endpoint) -> Result<(), Ended> {
    let mut out = Vec::new();
    let mut expected = 1;
    match (&endpoint.username, &endpoint.password) {
        (Some(username), Some(password)) => {
            command(&mut out, &[b"AUTH", username.as_bytes(), password.as_bytes()]);
            expected += 1;
        }
        (None, Some(password)) => {
            command(&mut out, &[b"AUTH", password.as_bytes()]);
            expected += 1;
        }
        (_, None) => {}
    }
    command(&mut out, &[b"PING"]);
    stream.write_all(&out).await?;
    stream.flush().await?;
    let mut input = BytesMut::new();
    while expected > 0 {
        if stream.read_buf(&mut input).await? == 0 {
            return Err(Ended::Closed);
        }
        while let Some((reply, length)) = parse(&input, GREETING)? {
            if let Reply::Error(why) = reply {
                return Err(Ended::Refused(String::from_utf8_lossy(why).into_owned()));
            }
            input.advance(length);
            expected -= 1;
        }
        if input.len() > GREETING || expected < 0 {
            return Err(Ended::Unasked);
        }
    }
    Ok(())
}
