//! Socket.IO v5 over [`engine`]: CONNECT to `/`, events both ways, acknowledgements to ours.
//!
//! Two tasks a socket, one reading and one writing. Events wait in a bounded queue for the one who takes them;
//! answers find their request at once, as long as that queue has room.

use crate::{
    Address, Closed, ConnectError, Options, RequestError, engine,
    packet::{self, Packet},
};
use plaza_protocol::{Code, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// A connected socket's sending side. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

/// A connected socket's receiving side.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Result<ReceivedEvent, Closed>>,
    /// Why it ended, once it has.
    closed: Option<Closed>,
    /// Held so that a socket whose receiving side is gone is closed.
    inner: Arc<Inner>,
}

/// An event from the server.
#[derive(Debug, Clone)]
pub struct ReceivedEvent {
    /// Its name.
    pub name: String,
    /// Its arguments, as JSON.
    pub args: Vec<Box<RawValue>>,
}

#[derive(Debug)]
struct Inner {
    sid: String,
    outgoing: mpsc::Sender<String>,
    /// Passed on in the order in which it was asked for, and so the order of requests.
    turn: tokio::sync::Mutex<()>,
    in_flight: Semaphore,
    pending: Mutex<Pending>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Pending {
    next_id: u64,
    closed: bool,
    waiting: HashMap<u64, oneshot::Sender<Box<RawValue>>>,
}

/// The server's part of CONNECT.
#[derive(Deserialize)]
struct Connected {
    sid: String,
}

impl Socket {
    /// Connects to the namespace `/`, within [`Options::connect_timeout`].
    pub async fn connect(
        address: &Address,
        auth: &(impl Serialize + Sync),
        options: &Options,
    ) -> Result<(Self, Events), ConnectError> {
        let auth = serde_json::to_string(auth).map_err(|error| ConnectError::NotPlaza(error.to_string()))?;
        timeout(options.connect_timeout, Self::shake_hands(address, &auth, options))
            .await
            .map_err(|_| ConnectError::TimedOut)?
    }

    async fn shake_hands(
        address: &Address,
        auth: &str,
        options: &Options,
    ) -> Result<(Self, Events), ConnectError> {
        let broken =
            |why: Closed| ConnectError::Unreachable { address: address.authority(), why: why.to_string() };
        let (mut reader, mut writer) = engine::open(address, options).await?;
        writer.send(&packet::connect(auth)).await.map_err(broken)?;
        let answer = loop {
            let text = reader.message().await.map_err(broken)?;
            if let Some(packet) =
                packet::decode(&text).map_err(|why| ConnectError::NotPlaza(why.to_string()))?
            {
                break packet;
            }
        };
        let sid = match answer {
            Packet::Connect(Some(payload)) => {
                let connected: Connected = serde_json::from_str(payload.get())
                    .map_err(|error| ConnectError::NotPlaza(error.to_string()))?;
                connected.sid
            }
            Packet::ConnectError(payload) => return Err(ConnectError::Refused(refusal(payload.as_deref()))),
            _ => return Err(ConnectError::NotPlaza("it did not answer CONNECT".to_owned())),
        };

        let (outgoing, packets) = mpsc::channel(options.max_in_flight.max(1));
        let (events, queue) = mpsc::channel(options.event_queue.max(1));
        let inner = Arc::new(Inner {
            sid,
            outgoing,
            turn: tokio::sync::Mutex::default(),
            in_flight: Semaphore::new(options.max_in_flight.max(1)),
            pending: Mutex::default(),
            stop: CancellationToken::new(),
        });
        tokio::spawn(writer.run(packets, inner.stop.clone()));
        tokio::spawn(read(reader, events, Arc::clone(&inner)));
        Ok((Self { inner: Arc::clone(&inner) }, Events { queue, closed: None, inner }))
    }

    /// The socket's public id.
    pub fn sid(&self) -> &str {
        &self.inner.sid
    }

    /// Sends an event that wants no answer.
    pub async fn emit(&self, event: &str, argument: &(impl Serialize + Sync)) -> Result<(), RequestError> {
        let argument = to_json(argument)?;
        let packet = packet::encode_event(None, event, &argument);
        self.inner.outgoing.send(packet).await.map_err(|_| RequestError::Disconnected)
    }

    /// Sends an event and waits for the first argument of its acknowledgement.
    ///
    /// Requests leave in the order in which their futures are first polled. A future that is dropped gives its
    /// answer up; the server may carry the request out all the same.
    pub async fn request(
        &self,
        event: &str,
        argument: &(impl Serialize + Sync),
        within: Duration,
    ) -> Result<Box<RawValue>, RequestError> {
        let argument = to_json(argument)?;
        let ask = async {
            let turn = self.inner.turn.lock().await;
            let _permit = self.inner.in_flight.acquire().await.map_err(|_| RequestError::Disconnected)?;
            let (waiting, answer) = self.inner.register().ok_or(RequestError::Disconnected)?;
            let packet = packet::encode_event(Some(waiting.id), event, &argument);
            self.inner.outgoing.send(packet).await.map_err(|_| RequestError::Disconnected)?;
            drop(turn);
            answer.await.map_err(|_| RequestError::Disconnected)
        };
        timeout(within, ask).await.map_err(|_| RequestError::TimedOut)?
    }

    /// Closes the connection. What was sent before is still delivered, if the server takes it within a second.
    pub fn close(&self) {
        let _ = self.inner.outgoing.try_send(packet::disconnect());
        self.inner.stop.cancel();
    }
}

impl Events {
    /// The next event; after the end, why it ended, as often as asked.
    pub async fn next(&mut self) -> Result<ReceivedEvent, Closed> {
        if let Some(closed) = &self.closed {
            return Err(closed.clone());
        }
        let closed = match self.queue.recv().await {
            Some(Ok(event)) => return Ok(event),
            Some(Err(closed)) => closed,
            None => Closed::Here,
        };
        self.closed = Some(closed.clone());
        Err(closed)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Nothing panics while it is held, and its state is whole at every step.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place to wait for an answer, or `None` when none can come any more.
    fn register(&self) -> Option<(Waiting<'_>, oneshot::Receiver<Box<RawValue>>)> {
        let mut pending = self.pending();
        if pending.closed {
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        let id = pending.next_id;
        pending.next_id += 1;
        pending.waiting.insert(id, answer);
        Some((Waiting { inner: self, id }, receiver))
    }
}

/// A request that waits; leaves no trace when it stops waiting.
struct Waiting<'a> {
    inner: &'a Inner,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.inner.pending().waiting.remove(&self.id);
    }
}

/// Reads until the end, then tells why, and fails every request that still waits.
async fn read(
    mut reader: engine::Reader,
    events: mpsc::Sender<Result<ReceivedEvent, Closed>>,
    inner: Arc<Inner>,
) {
    let closed = tokio::select! {
        biased;
        () = inner.stop.cancelled() => Closed::Here,
        closed = pass_on(&mut reader, &events, &inner) => closed,
    };
    {
        let mut pending = inner.pending();
        pending.closed = true;
        pending.waiting.clear();
    }
    inner.in_flight.close();
    inner.stop.cancel();
    // With both halves gone the TCP connection is closed, whoever is slow to hear of it.
    drop(reader);
    // The queue may be full; whoever reads it will see the end after what is in it.
    let _ = events.send(Err(closed)).await;
}

async fn pass_on(
    reader: &mut engine::Reader,
    events: &mpsc::Sender<Result<ReceivedEvent, Closed>>,
    inner: &Inner,
) -> Closed {
    loop {
        let text = match reader.message().await {
            Ok(text) => text,
            Err(closed) => return closed,
        };
        match packet::decode(&text) {
            Ok(Some(Packet::Event { name, args, ack: None })) => {
                if events.send(Ok(ReceivedEvent { name, args })).await.is_err() {
                    return Closed::Here;
                }
            }
            Ok(Some(Packet::Ack { id, args })) => {
                // An unknown id belongs to a request that has stopped waiting.
                if let (Some(answer), Some(first)) =
                    (inner.pending().waiting.remove(&id), args.into_iter().next())
                {
                    let _ = answer.send(first);
                }
            }
            Ok(Some(Packet::Disconnect)) => return Closed::ByServer,
            Ok(Some(Packet::Event { .. })) => {
                return Closed::Malformed("an event that wants an acknowledgement".to_owned());
            }
            Ok(Some(Packet::Connect(_) | Packet::ConnectError(_))) => {
                return Closed::Malformed("a second answer to CONNECT".to_owned());
            }
            Ok(None) => {}
            Err(why) => return Closed::Malformed(why.to_string()),
        }
    }
}

/// Reads what a refused CONNECT carries: Socket.IO gives `{message, data?}`, and Plaza's error stands in `data`
/// or in place of it.
fn refusal(payload: Option<&RawValue>) -> Error {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
        data: Option<Error>,
    }
    let text = payload.map_or("null", RawValue::get);
    if let Ok(error) = serde_json::from_str::<Error>(text) {
        return error;
    }
    match serde_json::from_str::<Refusal>(text) {
        Ok(Refusal { data: Some(error), .. }) => error,
        Ok(Refusal { message, data: None }) => Error::new(Code::Forbidden, message),
        Err(_) => Error::new(Code::Forbidden, "The server refused the connection and did not say why."),
    }
}

fn to_json(value: &impl Serialize) -> Result<String, RequestError> {
    serde_json::to_string(value).map_err(|error| RequestError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_in_both_places() {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        let plaza = r#"{"code":"unauthorized","message":"No.","retryable":false}"#;
        assert_eq!(refusal(Some(&raw(plaza))).code, Code::Unauthorized);
        let wrapped = format!(r#"{{"message":"No.","data":{plaza}}}"#);
        assert_eq!(refusal(Some(&raw(&wrapped))).code, Code::Unauthorized);
        assert_eq!(refusal(Some(&raw(r#"{"message":"Invalid namespace"}"#))).message, "Invalid namespace");
        assert_eq!(refusal(None).code, Code::Forbidden);
    }
}
