//! The open loop: each message is sent when it is due, whatever became of those before.

use super::{
    Bench, PATIENCE,
    crowd::{Crowd, text},
    tally::Tally,
};
use crate::meter::Meter;
use nix::sys::resource::{UsageWho, getrusage};
use plaza_protocol::ClientId;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

/// Most messages under way. One that is due when so many are waits, and that counts into its time.
const MOST_UNDER_WAY: usize = 20_000;

/// How the sending went.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) refused: u64,
    pub(super) unanswered: u64,
    /// Messages that had to wait since too many were under way.
    pub(super) held_back: u64,
    /// How long it took to the last acknowledgement, in seconds.
    pub(super) seconds: f64,
    /// What this program used of one processor meanwhile, in percent.
    pub(super) own_cpu_percent: f64,
}

pub(super) async fn send(bench: &Bench, crowd: &Crowd, tally: &Arc<Tally>, meter: &mut Meter<'_>) -> Sent {
    let (began, from, cpu) = (Instant::now(), tally.now(), cpu_seconds());
    let under_way = Arc::new(Semaphore::new(MOST_UNDER_WAY));
    let mut sent = Sent::default();
    let mut sending = JoinSet::new();
    let messages = bench.messages();
    for number in 0..messages {
        let after = Duration::from_secs_f64(number as f64 / f64::from(bench.rate));
        sleep_until(began + after).await;
        let due = from + after;
        if under_way.available_permits() == 0 {
            sent.held_back += 1;
        }
        let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { break };
        tally.late.note(tally.now().saturating_sub(due));
        let message = message(crowd, number, due, bench.text as usize, tally);
        sending.spawn(async move {
            let sent = message.await;
            drop(permit);
            sent
        });
        sent.messages += 1;
        while let Some(one) = sending.try_join_next() {
            sent.refused += u64::from(!matches!(one, Ok(true)));
        }
        meter.show(number, messages, || {
            let acks = tally.acks.load(Relaxed);
            format!("{} sent, {acks} acknowledged, {} told", sent.messages, tally.told.load(Relaxed))
        });
    }
    let until = Instant::now() + PATIENCE;
    while let Ok(Some(one)) = timeout_at(until, sending.join_next()).await {
        sent.refused += u64::from(!matches!(one, Ok(true)));
    }
    sent.unanswered = sending.len() as u64;
    sent.seconds = began.elapsed().as_secs_f64();
    sent.own_cpu_percent = (cpu_seconds() - cpu) / sent.seconds * 100.0;
    sent
}

/// One message of the guest whose turn it is; whether it was acknowledged.
fn message(
    crowd: &Crowd,
    number: u64,
    due: Duration,
    length: usize,
    tally: &Arc<Tally>,
) -> impl Future<Output = bool> + use<> {
    let guests = crowd.guests.len() as u64;
    let guest = crowd.guests[(number % guests) as usize].clone();
    let turn = (number / guests) as usize % guest.rooms.len();
    let tally = Arc::clone(tally);
    async move {
        let (room_number, room) = &guest.rooms[turn];
        let client_id: Result<ClientId, _> = format!("m{number}").parse();
        let Ok(client_id) = client_id else { return false };
        match guest.client.send_message(room, &client_id, &text(due, length)).await {
            Ok(sent) => {
                tally.acked(*room_number, room, sent.seq, due);
                true
            }
            Err(error) => {
                tally.was_refused(error.to_string());
                false
            }
        }
    }
}

/// Processor time of this process so far.
fn cpu_seconds() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return f64::NAN };
    [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6)
        .iter()
        .sum()
}
