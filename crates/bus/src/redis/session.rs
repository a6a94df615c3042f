//! One connection of a subscriber: asks for channels, hears them, and notices when the server does not.
//!
//! Every command is answered once and in order, so a queue of what was asked tells what each answer is about. A
//! `sunsubscribe` that is not the answer to ours means that the server has given the slot away.

use bytes::{Buf as _, Bytes, BytesMut};
use std::{
    collections::{HashSet, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    desk::{Ask, Desk, ServerId},
    dial::Stream,
    hints::Hints,
    resp::{Reply, command, parse},
    verbs::{self, Verbs},
};
use crate::{channel::Channel, inbox::Inbox, options::Timing};

/// Most commands under way.
const MOST_ASKED: usize = 1_024;
/// Most bytes waiting to be written.
const MOST_UNWRITTEN: usize = 64 * 1024;
/// A read buffer that has grown past this is let go once it is empty, in bytes.
const KEPT_BUFFER: usize = 1 << 20;
/// First and longest wait before what was refused is asked for again.
const RETRY: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(2)];

/// Room for what is read at once, in bytes.
const READ: usize = 16 * 1024;
/// After so many miscounts in a row the server is taken to count otherwise than we do, and not asked any more.
const MOST_MISCOUNTS: u8 = 2;

/// What a session works on.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) desk: Arc<Desk>,
    pub(crate) server: ServerId,
    pub(crate) shard: usize,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) verbs: &'static Verbs,
    pub(crate) timing: Timing,
    pub(crate) most_bytes: usize,
    pub(crate) hints: Hints,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the server closed the connection")]
    Closed,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Protocol(#[from] super::resp::RespError),
    #[error("an answer came to something that was not asked")]
    Unasked,
    #[error("no answer within {} ms", .0.as_millis())]
    Silent(Duration),
    #[error("{0}")]
    Refused(String),
}

/// What an answer will be about.
#[derive(Debug, Clone)]
enum Asked {
    Subscribe(Channel),
    /// Asked for although it is in force: the answer says how many there are.
    Check,
    Unsubscribe(Channel),
    Ping,
}

/// One connection.
pub(crate) struct Session<'a> {
    context: &'a Context,
    /// What this connection asked for and did not give back.
    held: HashSet<Channel>,
    asked: VecDeque<(Asked, Instant)>,
    out: Vec<u8>,
    unflushed: bool,
    retry: Vec<Channel>,
    retry_at: Option<Instant>,
    retry_after: Duration,
    /// An answer was overdue at the last look.
    overdue: bool,
    /// How many subscriptions the server should see when it answers the check that is under way.
    expected: Option<usize>,
    /// How often in a row the server's count of subscriptions was not ours.
    miscounts: u8,
}

/// Writes a piece of what is pending. Dropped half-way, it has lost nothing.
async fn write(
    out: &mut Vec<u8>,
    unflushed: &mut bool,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    if out.is_empty() {
        to.flush().await?;
        *unflushed = false;
        return Ok(());
    }
    let written = to.write(out).await?;
    if written == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    out.drain(..written);
    *unflushed = true;
    Ok(())
}

impl<'a> Session<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        Self {
            context,
            held: HashSet::new(),
            asked: VecDeque::new(),
            out: Vec::new(),
            unflushed: false,
            retry: Vec::new(),
            retry_at: None,
            retry_after: RETRY[0],
            overdue: false,
            expected: None,
            miscounts: 0,
        }
    }

    /// Runs until the connection ends, and says why. May be dropped at any time.
    pub(crate) async fn run(mut self, stream: Stream) -> Ended {
        match self.serve(stream).await {
            Ok(()) => Ended::Closed,
            Err(why) => why,
        }
    }

    async fn serve(&mut self, stream: Stream) -> Result<(), Ended> {
        let timing = &self.context.timing;
        let wake = self.context.desk.connect(self.context.server);
        let (mut from, mut to) = tokio::io::split(stream);
        let mut input = BytesMut::with_capacity(READ);
        let mut beat = interval(timing.heartbeat());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut check = interval(timing.reconcile);
        check.reset();
        loop {
            self.ask();
            input.reserve(READ);
            let retry_at = self.retry_at;
            let pending = !self.out.is_empty() || self.unflushed;
            tokio::select! {
                read = from.read_buf(&mut input) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    self.take_in(&mut input)?;
                }
                written = write(&mut self.out, &mut self.unflushed, &mut to), if pending => written?,
                () = wake.notified() => {}
                _ = beat.tick() => self.beat()?,
                _ = check.tick() => self.check(),
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => self.try_again(),
            }
        }
    }

    /// Asks for what is wanted, as far as there is room.
    fn ask(&mut self) {
        while self.asked.len() < MOST_ASKED && self.out.len() < MOST_UNWRITTEN {
            match self.context.desk.next(self.context.server, &self.held) {
                Some(Ask::Subscribe(channel)) => {
                    self.context.verbs.subscribe(&mut self.out, &channel);
                    self.held.insert(channel.clone());
                    self.expect(Asked::Subscribe(channel));
                }
                Some(Ask::Unsubscribe(channel)) => {
                    self.context.verbs.unsubscribe(&mut self.out, &channel);
                    self.held.remove(&channel);
                    self.expect(Asked::Unsubscribe(channel));
                }
                None => return,
            }
        }
    }

    fn expect(&mut self, asked: Asked) {
        self.asked.push_back((asked, Instant::now()));
    }

    /// Asks for a sign of life, and ends what has given none. A single look proves nothing: it may have been this
    /// process that stood still.
    fn beat(&mut self) -> Result<(), Ended> {
        let silence = self.context.timing.silence;
        let overdue = self.asked.front().is_some_and(|(_, since)| since.elapsed() > silence);
        if overdue && std::mem::replace(&mut self.overdue, true) {
            return Err(Ended::Silent(silence));
        }
        self.overdue = overdue;
        if !self.asked.iter().any(|(asked, _)| matches!(asked, Asked::Ping)) {
            command(&mut self.out, &[b"PING"]);
            self.expect(Asked::Ping);
        }
        Ok(())
    }

    /// Asks once more for something that is asked for already: the answer says how many subscriptions the server sees.
    fn check(&mut self) {
        if self.expected.is_some() || self.miscounts > MOST_MISCOUNTS {
            return;
        }
        if let Some(channel) = self.held.iter().next() {
            self.context.verbs.subscribe(&mut self.out, channel);
            self.expected = Some(self.held.len());
            self.expect(Asked::Check);
        }
    }

    /// The server does not have it.
    fn forget(&mut self, channel: &Channel) {
        if self.held.remove(channel) {
            self.expected = self.expected.map(|count| count.saturating_sub(1));
        }
    }

    fn try_again(&mut self) {
        self.retry_at = None;
        for channel in self.retry.drain(..) {
            self.context.desk.again(&channel);
        }
    }

    fn take_in(&mut self, input: &mut BytesMut) -> Result<(), Ended> {
        while let Some((reply, length)) = parse(input, self.context.most_bytes)? {
            self.handle(reply)?;
            input.advance(length);
        }
        if input.is_empty() && input.capacity() > KEPT_BUFFER {
            *input = BytesMut::with_capacity(READ);
        }
        Ok(())
    }

    fn handle(&mut self, reply: Reply<'_>) -> Result<(), Ended> {
        let words = match reply {
            Reply::Error(why) => return self.refused(&String::from_utf8_lossy(why)),
            Reply::Status(_) => return self.answered_ping(),
            Reply::Array(Some(words)) => words,
            Reply::Number(_) | Reply::Bytes(_) | Reply::Array(None) => return Err(Ended::Unasked),
        };
        match words.as_slice() {
            [
                Reply::Bytes(Some(b"smessage" | b"message")),
                Reply::Bytes(Some(channel)),
                Reply::Bytes(Some(payload)),
            ] => {
                let name = std::str::from_utf8(channel).ok().and_then(|name| self.context.desk.name(name));
                self.deliver(name, payload);
            }
            [Reply::Bytes(Some(b"pong")), ..] => self.answered_ping()?,
            [Reply::Bytes(Some(verb)), Reply::Bytes(Some(name)), Reply::Number(count)] => {
                let channel = self.context.verbs.channel(verb, name).ok_or(Ended::Unasked)?;
                if verbs::ends(verb) {
                    self.unsubscribed(&channel);
                } else {
                    self.subscribed(&channel, *count)?;
                }
            }
            _ => return Err(Ended::Unasked),
        }
        Ok(())
    }

    fn deliver(&self, channel: Option<Arc<str>>, payload: &[u8]) {
        // Nobody wants it any more.
        let Some(channel) = channel else { return };
        // Copied: a message that is kept must not keep the whole read buffer.
        self.context.inbox.push(self.context.shard, channel, Bytes::copy_from_slice(payload));
    }

    fn answered_ping(&mut self) -> Result<(), Ended> {
        match self.asked.pop_front() {
            Some((Asked::Ping, _)) => Ok(()),
            _ => Err(Ended::Unasked),
        }
    }

    fn subscribed(&mut self, channel: &Channel, count: i64) -> Result<(), Ended> {
        match self.asked.pop_front() {
            Some((Asked::Subscribe(asked), _)) if asked == *channel => {
                self.retry_after = RETRY[0];
                self.context.desk.in_force(self.context.server, channel);
            }
            Some((Asked::Check, _)) => self.checked(count),
            _ => return Err(Ended::Unasked),
        }
        Ok(())
    }

    /// Compares the number of subscriptions that the server sees with ours.
    fn checked(&mut self, count: i64) {
        let expected = self.expected.take().unwrap_or_default();
        if usize::try_from(count) == Ok(expected) {
            self.miscounts = 0;
            return;
        }
        self.miscounts += 1;
        tracing::warn!(
            "the server sees {count} subscriptions where there are {expected}: asking for all again"
        );
        for channel in self.context.desk.all_in_force(self.context.server) {
            self.context.desk.ended(self.context.server, &channel);
            self.context.desk.again(&channel);
        }
    }

    fn unsubscribed(&mut self, channel: &Channel) {
        if matches!(self.asked.front(), Some((Asked::Unsubscribe(asked), _)) if asked == channel) {
            self.asked.pop_front();
            return;
        }
        // Nobody asked: the server has given the slot away, to its replica perhaps, and would take it again as that one's.
        self.context.hints.trouble();
        self.forget(channel);
        if self.context.desk.ended(self.context.server, channel) {
            self.context.desk.again(channel);
        }
    }

    fn refused(&mut self, why: &str) -> Result<(), Ended> {
        let channel = match self.asked.pop_front() {
            Some((Asked::Subscribe(channel), _)) => channel,
            // What was given back has moved, or was moving when it was checked.
            Some((Asked::Unsubscribe(_), _)) if why.starts_with("MOVED ") => return Ok(()),
            Some((Asked::Check, _)) if why.starts_with("MOVED ") => {
                self.expected = None;
                return Ok(());
            }
            _ => return Err(Ended::Refused(why.to_owned())),
        };
        if ["NOAUTH", "WRONGPASS", "ERR unknown command"].iter().any(|fatal| why.starts_with(fatal)) {
            return Err(Ended::Refused(why.to_owned()));
        }
        self.forget(&channel);
        if !self.context.hints.moved(why) {
            if self.retry_after == RETRY[0] {
                tracing::warn!("a subscription was refused, and is asked for again now and then: {why}");
            }
            self.context.hints.trouble();
        }
        if self.context.desk.ended(self.context.server, &channel) {
            self.retry.push(channel);
            if self.retry_at.is_none() {
                self.retry_at = Some(Instant::now() + self.retry_after);
                self.retry_after = (self.retry_after * 2).min(RETRY[1]);
            }
        }
        Ok(())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.context.desk.disconnect(self.context.server);
    }
}
