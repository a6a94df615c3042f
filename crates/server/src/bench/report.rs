//! What came of it, for people and for programs.

use super::{
    Bench, Sent,
    tally::{Tally, Times},
};
use serde::Serialize;
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread::available_parallelism,
};

/// What share of the processors this program may use before its own times are in doubt, in percent.
const BUSY_PERCENT: f64 = 80.0;
/// How late it may send at the 99th percentile, in milliseconds.
const LATE_MS: f64 = 10.0;

/// Everything that was counted and measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    url: String,
    connections: u32,
    rooms: u32,
    rooms_each: u32,
    rate: u32,
    seconds: f64,
    sent: u64,
    acknowledged: u64,
    refused: u64,
    refused_why: Option<String>,
    unanswered: u64,
    expected: u64,
    told: u64,
    lost: u64,
    doubled: u64,
    out_of_order: u64,
    reloaded: u64,
    interruptions: u64,
    interrupted_why: Option<String>,
    acknowledged_ms: Quantiles,
    delivered_ms: Quantiles,
    own_delay_ms: Quantiles,
    held_back: u64,
    own_cpu_percent: f64,
    /// Why the times above may be this program's own.
    saturated: Option<String>,
}

/// Times in milliseconds.
#[derive(Debug, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl From<&Times> for Quantiles {
    fn from(times: &Times) -> Self {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| times.quantile_ms(share));
        Self { p50, p99, p999, max: times.longest_ms() }
    }
}

impl Report {
    pub(super) fn of(bench: &Bench, tally: &Tally, sent: &Sent, lost: u64) -> Self {
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        let own_delay_ms = Quantiles::from(&tally.late);
        Self {
            url: bench.url.clone(),
            connections: bench.connections,
            rooms: bench.rooms,
            rooms_each: bench.rooms_each.min(bench.rooms),
            rate: bench.rate,
            seconds: sent.seconds,
            sent: sent.messages,
            acknowledged: count(&tally.acks),
            refused: sent.refused,
            refused_why: tally.refused(),
            unanswered: sent.unanswered,
            expected: count(&tally.expected),
            told: count(&tally.told),
            // What was reloaded is not told event by event.
            lost: match count(&tally.reloads) {
                0 => lost.max(count(&tally.expected).saturating_sub(count(&tally.told))),
                _ => lost,
            },
            doubled: count(&tally.doubled),
            out_of_order: count(&tally.out_of_order),
            reloaded: count(&tally.reloads),
            interruptions: count(&tally.interruptions),
            interrupted_why: tally.offline(),
            acknowledged_ms: Quantiles::from(&tally.acknowledged),
            delivered_ms: Quantiles::from(&tally.delivered),
            saturated: saturated(sent, &own_delay_ms),
            own_delay_ms,
            held_back: sent.held_back,
            own_cpu_percent: sent.own_cpu_percent,
        }
    }

    /// What is wrong with Plaza, if something is.
    pub(super) fn fault(&self) -> Option<String> {
        let Self { lost, doubled, out_of_order, refused, unanswered, .. } = self;
        if [lost, doubled, out_of_order].iter().any(|count| **count > 0) {
            return Some(format!(
                "{lost} deliveries were lost, {doubled} came twice, {out_of_order} out of order."
            ));
        }
        if *refused + *unanswered > 0 {
            let why = self.refused_why.as_deref().unwrap_or("no answer came");
            return Some(format!("{refused} messages were refused, {unanswered} not answered: {why}"));
        }
        None
    }
}

/// Where this program itself was the bottleneck.
fn saturated(sent: &Sent, own_delay: &Quantiles) -> Option<String> {
    let processors = available_parallelism().map_or(1, usize::from);
    let share = sent.own_cpu_percent / processors as f64;
    if sent.held_back > 0 {
        return Some(format!("{} messages waited since too many were under way", sent.held_back));
    }
    if own_delay.p99 > LATE_MS {
        return Some(format!("it sent {:.1} ms late at the 99th percentile", own_delay.p99));
    }
    (share > BUSY_PERCENT).then(|| format!("it used {share:.0} % of this machine's {processors} processors"))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, connections, rooms, rooms_each, rate, seconds, .. } = self;
        writeln!(
            f,
            "{url}: {connections} guests in {rooms} rooms, each in {rooms_each}; {rate} messages a second, {seconds:.1} s"
        )?;
        writeln!(f)?;
        writeln!(
            f,
            "  sent          {:>10}   acknowledged {}, refused {}, unanswered {}",
            self.sent, self.acknowledged, self.refused, self.unanswered
        )?;
        writeln!(f, "  told          {:>10}   of {} expected", self.told, self.expected)?;
        writeln!(
            f,
            "  audit                      lost {}, doubled {}, out of order {}",
            self.lost, self.doubled, self.out_of_order
        )?;
        writeln!(
            f,
            "  connections                lost {}, rooms reloaded {}",
            self.interruptions, self.reloaded
        )?;
        writeln!(f)?;
        writeln!(f, "  ms, from when it was due        p50        p99      p99.9        max")?;
        for (name, times) in [
            ("acknowledged", &self.acknowledged_ms),
            ("delivered", &self.delivered_ms),
            ("of it this program", &self.own_delay_ms),
        ] {
            let Quantiles { p50, p99, p999, max } = times;
            writeln!(f, "  {name:<24}{p50:>11.2}{p99:>11.2}{p999:>11.2}{max:>11.2}")?;
        }
        writeln!(f)?;
        write!(f, "  This program used {:.0} % of one processor.", self.own_cpu_percent)?;
        if let Some(why) = &self.saturated {
            write!(
                f,
                "\n  It was the bottleneck itself ({why}): take the times for its own, and run it on another machine."
            )?;
        }
        if let Some(why) = self.interrupted_why.as_ref().filter(|_| self.interruptions > 0) {
            write!(f, "\n  Why a connection was last lost: {why}")?;
        }
        Ok(())
    }
}
