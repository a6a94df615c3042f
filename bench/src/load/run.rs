//! One load, from the first connection to the audit.

use super::{
    audit::Audit,
    clients::{Clients, Receive},
    connect::connect,
    dialect::Dialect,
    join::join,
    mark::Mark,
    outbox::Outbox,
    pace::Pace,
    rooms::Ears,
    spec::{Outcome, Spec, Traffic},
    window::{Moment, Times},
};
use crate::{memory, wire::packet::FromServer};
use anyhow::{Result, bail, ensure};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// After the last message was sent, nothing new for so long is the end.
const QUIET: Duration = Duration::from_secs(3);
/// As long may the rest take at most.
const DRAIN: Duration = Duration::from_secs(20);
/// Where memory is measured, so many come before those that are measured.
const FIRST: u32 = 1000;
/// For how long connections rest before memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);
/// How many messages that are due are sent before something is read.
const BURST: usize = 256;

/// Does what `spec` says.
///
/// # Errors
/// Where a connection or a join is refused, or where a server answers what was not asked.
pub fn run(spec: &Spec) -> Result<Outcome> {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let pids = || spec.processes.iter().filter(|process| process.server).map(|process| process.pid);
    // One connection before anything is measured, so that what a server makes once is not counted to the others.
    connect(&spec.addresses, spec.dialect, u32::try_from(spec.addresses.len())?, |_| Ok(()))?;
    let mut clients = Clients::new()?;
    let mut let_in = |count| {
        connect(&spec.addresses, spec.dialect, count, |some| {
            clients.add(some)?;
            // Those who are there are pinged while others come.
            clients.turn(Duration::ZERO, &mut Unheard)
        })
    };
    if spec.traffic == Traffic::Rest {
        // They stay, and fill what a server has freed again by the time that it is ready.
        let_in(FIRST)?;
    }
    let empty = memory::of(pids())?;
    let_in(spec.rooms.connections)?;
    let of_connections = spec.rooms.of_connections();
    join(&mut clients, spec.dialect, &of_connections)?;
    let mut load = Load::new(spec, Ears::new(&spec.rooms, &of_connections));
    if spec.traffic == Traffic::Rest {
        load.turn_until(&mut clients, SETTLE)?;
    }
    let full = memory::of(pids())?;
    load.began = Instant::now();
    load.start(&mut clients);
    let warm = Duration::from_millis(spec.warm_up_ms);
    load.turn_until(&mut clients, warm)?;
    load.counting = true;
    let before = Moment::now(spec)?;
    load.turn_until(&mut clients, warm + Duration::from_millis(spec.window_ms))?;
    let after = Moment::now(spec)?;
    load.counting = false;
    load.drain(&mut clients)?;
    let peak = pids().map(memory::peak).sum::<Result<f64>>()?;
    load.outcome(&before, &after, (empty, full), peak)
}

/// Of what comes before anything was sent, pings alone matter, and they are answered below this.
struct Unheard;

impl Receive for Unheard {
    fn receive(
        &mut self,
        connection: u32,
        packet: &FromServer<'_>,
        _: Instant,
        _: &mut Outbox,
    ) -> Result<()> {
        match packet {
            FromServer::Ended(why) => bail!("{connection} has ended: {}", String::from_utf8_lossy(why)),
            _ => Ok(()),
        }
    }
}

/// What was sent and is not yet acknowledged.
struct Waiting {
    mark: Mark,
    /// Who sends the next when it is.
    slot: u32,
}

/// A load under way.
struct Load<'a> {
    spec: &'a Spec,
    ears: Ears,
    audit: Audit,
    began: Instant,
    pace: Option<Pace>,
    /// By stream (echoes: by connection), how many were sent.
    sent: Vec<u32>,
    /// The stream, or the connection, that each slot sends in next.
    slots: Vec<u32>,
    /// Of each slot's message: the members who do not have it, and one more while it is not acknowledged. Empty where the
    /// acknowledgement alone is waited for.
    open: Vec<u32>,
    waiting: HashMap<u64, Waiting>,
    next_ack: u64,
    sending: bool,
    counting: bool,
    last_progress: Instant,
    delivered: u64,
    acked: u64,
    refused: u64,
    ended: u64,
    acked_again: u64,
    delivery: Times,
    ack: Times,
    late: Times,
    packet: Vec<u8>,
}

impl<'a> Load<'a> {
    fn new(spec: &'a Spec, ears: Ears) -> Self {
        let streams = match spec.traffic {
            Traffic::Echoes { .. } => spec.rooms.connections,
            _ => spec.rooms.streams(),
        };
        let (slots, pace) = match spec.traffic {
            Traffic::Messages { in_flight }
            | Traffic::MessagesUntilEverywhere { in_flight }
            | Traffic::Echoes { in_flight } => (in_flight, None),
            Traffic::MessagesAtRate { per_second } => (1, Some(Pace::new(per_second))),
            Traffic::Rest => (0, None),
        };
        let now = Instant::now();
        Self {
            spec,
            audit: Audit::new(ears.count()),
            ears,
            began: now,
            pace,
            sent: vec![0; streams as usize],
            slots: (0..slots).map(|slot| slot % streams.max(1)).collect(),
            open: match spec.traffic {
                Traffic::MessagesUntilEverywhere { .. } => vec![0; slots as usize],
                _ => Vec::new(),
            },
            waiting: HashMap::new(),
            next_ack: 0,
            sending: true,
            counting: false,
            last_progress: now,
            delivered: 0,
            acked: 0,
            refused: 0,
            ended: 0,
            acked_again: 0,
            delivery: Times::new(),
            ack: Times::new(),
            late: Times::new(),
            packet: Vec::new(),
        }
    }

    /// Sends the first of every slot, where the load is a number of messages under way.
    fn start(&mut self, clients: &mut Clients) {
        if self.pace.is_none() {
            for slot in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
                self.send(slot, self.began.elapsed(), &mut clients.outbox);
            }
        }
    }

    fn send(&mut self, slot: u32, at: Duration, outbox: &mut Outbox) {
        let (slots, stream) =
            (u32::try_from(self.slots.len()).unwrap_or(u32::MAX), self.slots[slot as usize]);
        let streams = u32::try_from(self.sent.len()).unwrap_or(u32::MAX);
        self.slots[slot as usize] = if streams > slots { (stream + slots) % streams } else { stream };
        let sent = &mut self.sent[stream as usize];
        let mark = Mark { stream, seq: *sent, at_us: u64::try_from(at.as_micros()).unwrap_or_default() };
        *sent += 1;
        let ack = self.next_ack;
        self.next_ack += 1;
        let connection = if let Traffic::Echoes { .. } = self.spec.traffic {
            Dialect::echo(&mut self.packet, ack, mark);
            stream
        } else {
            self.spec.dialect.message(&mut self.packet, ack, self.spec.rooms.room_of(stream), mark);
            self.spec.rooms.sender_of(stream)
        };
        if let Some(open) = self.open.get_mut(slot as usize) {
            *open = self.spec.rooms.size + 1;
        }
        self.waiting.insert(ack, Waiting { mark, slot });
        outbox.push(connection, &self.packet);
    }

    /// Sends and receives until `until` after the beginning.
    fn turn_until(&mut self, clients: &mut Clients, until: Duration) -> Result<()> {
        loop {
            let now = self.began.elapsed();
            if now >= until {
                return Ok(());
            }
            let mut wake = until;
            if self.pace.is_some() && self.sending {
                self.send_due(now, clients);
                wake = self.pace.as_ref().map_or(wake, Pace::next).min(until);
            }
            clients.turn(wake.saturating_sub(self.began.elapsed()), self)?;
        }
    }

    fn send_due(&mut self, now: Duration, clients: &mut Clients) {
        for _ in 0..BURST {
            let Some(at) = self.pace.as_mut().and_then(|pace| pace.due(now)) else { return };
            if self.counting {
                self.late.record(self.began.elapsed().saturating_sub(at));
            }
            self.send(0, at, &mut clients.outbox);
        }
    }

    /// Sends nothing more, and receives what is still to come.
    fn drain(&mut self, clients: &mut Clients) -> Result<()> {
        self.sending = false;
        let began = Instant::now();
        self.last_progress = began;
        loop {
            let quiet = self.last_progress.elapsed();
            let all_there =
                self.waiting.is_empty() && quiet > Duration::from_millis(200) && self.findings().lost == 0;
            if all_there || quiet > QUIET || began.elapsed() > DRAIN {
                return Ok(());
            }
            clients.turn(Duration::from_millis(100), self)?;
        }
    }

    fn findings(&self) -> super::audit::Findings {
        let mut findings =
            self.audit.findings(|ear| self.ears.stream_of(ear), |stream| self.sent[stream as usize]);
        findings.doubled += self.acked_again;
        findings
    }

    fn acknowledged(&mut self, id: u64, answer: &[u8], now: Instant, outbox: &mut Outbox) -> Result<()> {
        let Some(Waiting { mark, slot }) = self.waiting.remove(&id) else {
            self.acked_again += 1;
            return Ok(());
        };
        let ok = match self.spec.traffic {
            Traffic::Echoes { .. } => {
                ensure!(
                    Mark::find(answer) == Some(mark),
                    "not what was sent: {}",
                    String::from_utf8_lossy(answer)
                );
                true
            }
            _ => Dialect::is_ok(answer),
        };
        if !ok {
            self.refused += 1;
            self.audit.refused(mark.stream, mark.seq);
        } else if self.counting {
            self.acked += 1;
            self.ack.record((now - self.began).saturating_sub(Duration::from_micros(mark.at_us)));
        }
        if self.open.is_empty() {
            self.send_next(slot, outbox);
        } else {
            self.closes(slot, if ok { 1 } else { self.spec.rooms.size + 1 }, outbox);
        }
        Ok(())
    }

    /// Somebody has the newest message of a slot, or `by` somebodies need not be waited for.
    fn closes(&mut self, slot: u32, by: u32, outbox: &mut Outbox) {
        let open = &mut self.open[slot as usize];
        let before = *open;
        *open = before.saturating_sub(by);
        if before > 0 && *open == 0 {
            self.send_next(slot, outbox);
        }
    }

    fn send_next(&mut self, slot: u32, outbox: &mut Outbox) {
        if self.sending && self.pace.is_none() {
            self.send(slot, self.began.elapsed(), outbox);
        }
    }

    fn outcome(
        self,
        before: &Moment,
        after: &Moment,
        memory: (memory::Memory, memory::Memory),
        peak: f64,
    ) -> Result<Outcome> {
        Ok(Outcome {
            seconds: (after.at - before.at).as_secs_f64(),
            acked: self.acked,
            delivered: self.delivered,
            processes: after.used_since(before, &self.spec.processes),
            load: after.load - before.load,
            server_core: after.server_core - before.server_core,
            load_core: after.load_core - before.load_core,
            delivery: self.delivery.latency(),
            ack: self.ack.latency(),
            late: self.late.latency(),
            sent: self.next_ack,
            refused: self.refused,
            unanswered: self.waiting.len() as u64,
            ended: self.ended,
            findings: self.findings(),
            memory,
            peak,
            charged: None,
        })
    }
}

impl Receive for Load<'_> {
    fn receive(
        &mut self,
        connection: u32,
        packet: &FromServer<'_>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Result<()> {
        match packet {
            FromServer::Event(array) if self.spec.dialect.is_message(array) => {
                let Some(mark) = Mark::find(array) else {
                    bail!("not sent by the load: {}", String::from_utf8_lossy(array));
                };
                let Some(ear) = self.ears.of(connection, mark.stream) else {
                    bail!("{connection} is told what is not for it: {mark:?}");
                };
                self.audit.heard(ear, mark.seq);
                self.last_progress = now;
                if self.counting {
                    self.delivered += 1;
                    self.delivery
                        .record((now - self.began).saturating_sub(Duration::from_micros(mark.at_us)));
                }
                if !self.open.is_empty() && mark.seq + 1 == self.sent[mark.stream as usize] {
                    self.closes(mark.stream % u32::try_from(self.open.len())?, 1, outbox);
                }
            }
            FromServer::Ack(id, answer) => {
                self.last_progress = now;
                self.acknowledged(*id, answer, now, outbox)?;
            }
            FromServer::Ended(_) => self.ended += 1,
            _ => {}
        }
        Ok(())
    }
}
