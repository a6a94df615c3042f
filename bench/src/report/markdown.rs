//! The report, as Markdown.

use super::{
    figures::{
        Repeats, cost_beside, foreign_share, kernel_share, latency, load_saturated, load_share, server_share,
        units,
    },
    growth::rates,
    machine::Machine,
    spread::{Spread, short},
};
use crate::{
    peers::Peer,
    plan::{Group, Load, Unit},
    runner::{Extent, Run},
};
use std::fmt::Write;

const GROUPS: [(Group, &str, &str); 6] = [
    (Group::Rooms, "Messages to rooms", "rooms.svg"),
    (Group::Echo, "Events that are answered", "echo.svg"),
    (Group::Idle, "Connections that rest", "idle.svg"),
    (Group::Nodes, "Two nodes and Redis", "nodes.svg"),
    (Group::Product, "Plaza whole, every message stored before it is acknowledged", "product.svg"),
    (Group::Growth, "What grows", ""),
];

/// The whole report. `plots` are the names of the pictures beside it.
#[must_use]
pub fn report(runs: &[Run], loads: &[Load], machine: &Machine, extent: &Extent, plots: &[String]) -> String {
    let mut out = String::from("# What a message and a connection cost\n\n");
    out += &introduction(extent);
    out.push('\n');
    out += &machine.table();
    for (group, title, plot) in GROUPS {
        let loads: Vec<&Load> =
            loads.iter().filter(|load| load.group == group && measured(runs, load)).collect();
        if loads.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## {title}\n");
        let pictures = plots
            .iter()
            .filter(|name| *name == plot || (group == Group::Growth && name.starts_with("growth")));
        for name in pictures {
            let _ = writeln!(out, "![{title}]({name})\n");
        }
        out += &match group {
            Group::Idle => idle(runs, &loads),
            Group::Growth => {
                rates(runs, &loads.iter().map(|load| (*load).clone()).collect::<Vec<_>>())
                    + &costs(runs, &loads)
            }
            _ => costs(runs, &loads),
        };
    }
    out += &failures(runs);
    out
}

fn introduction(extent: &Extent) -> String {
    let Extent { repeats, warm_up, window } = extent;
    format!(
        "Made by `make bench`. Servers run one at a time on one processor, the load on another, all on loopback over WebSocket;\n\
         messages are 32 bytes of text. Each is measured for {} s after {} s, {repeats} times, in turn with all others; once what grows\n\
         and what rests. Given is the median, and the range behind it.\n\
         \n\
         - **µs**: CPU time of the servers' processes, by the operating system's accounting. *beside* is that of Redis and PostgreSQL.\n\
         - **× floor**, **× Node**: the ratio to those in the same repeat. The *floor* is a program that does nothing but what the kernel\n\
         \u{20} needs to be told: no check, no heartbeat, no limit.\n\
         - **p50, p99, p99.9**: milliseconds from when a message should have been sent until a member has it (or, where nobody has\n\
         \u{20} it, until the ack). Only loads of so many a second tell how long people wait; in others the load waits for the server.\n\
         - **MB**: what the servers' processes hold in memory, code included, once all clients are in their rooms; **peak**: the most\n\
         \u{20} that they ever held.\n\
         - **bytes a connection**: what the servers' processes hold more with so many more connections than a first 1,000, all at rest.\n\
         - **server**, **load**: share of its processor that each took. Where the load took 95 % or more (**!**), the server may have been\n\
         \u{20} held up by it: what a message costs still holds, what was carried a second is the load's bound.\n\
         - **others**: the most that something else took of the servers' processor in a repeat.\n",
        window.as_secs_f64(),
        warm_up.as_secs_f64(),
    )
}

fn measured(runs: &[Run], load: &Load) -> bool {
    runs.iter().any(|run| run.load == load.name)
}

fn costs(runs: &[Run], loads: &[&Load]) -> String {
    let mut out = String::new();
    for load in loads {
        let unit = if load.unit == Unit::Delivery { "delivery" } else { "ack" };
        let _ = writeln!(out, "**{}**: {}\n", load.name, load.about);
        let _ = writeln!(
            out,
            "| | µs a {unit} | kernel | beside | × floor | × Node | {unit} a second | p50 | p99 | p99.9 | lost | doubled | reordered | \
             refused, unanswered | MB | peak | server | load | others |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        );
        for peer in &load.peers {
            let repeats = Repeats::of(runs, load, *peer);
            if !repeats.outcomes.is_empty() {
                let _ = writeln!(out, "{}", row(runs, load, &repeats));
            }
        }
        for run in runs.iter().filter(|run| run.load == load.name) {
            if let Some(charged) = run.outcome.as_ref().ok().and_then(|outcome| outcome.charged) {
                let limit = load.limits.memory.unwrap_or_default() as f64 / 1e6;
                let _ = writeln!(
                    out,
                    "\nThe kernel charged {} with {} MB at most, connections and cached files included, of {} MB allowed.",
                    run.peer.name(),
                    short(charged as f64 / 1e6),
                    short(limit)
                );
            }
        }
        out.push('\n');
    }
    out
}

fn row(runs: &[Run], load: &Load, repeats: &Repeats<'_>) -> String {
    let show = |spread: Option<Spread>| spread.map(|spread| spread.to_string()).unwrap_or_default();
    let middle = |spread: Option<Spread>| spread.map(|spread| short(spread.median)).unwrap_or_default();
    let percent = |spread: Option<Spread>| {
        spread.map(|spread| format!("{:.0} %", spread.median * 100.0)).unwrap_or_default()
    };
    let to = |other| show(repeats.cost_to(&Repeats::of(runs, load, other)));
    let time = |of: fn(crate::load::spec::Latency) -> f64| {
        middle(repeats.spread(|outcome| latency(outcome).map_or(f64::NAN, |times| of(times) / 1e3)))
    };
    let beside = repeats.spread(|outcome| cost_beside(outcome, load)).filter(|spread| spread.most > 0.0);
    let saturated = repeats.outcomes.iter().any(|(_, outcome)| load_saturated(outcome));
    let cells = [
        repeats.peer.name(),
        show(repeats.cost()),
        percent(repeats.spread(kernel_share)),
        middle(beside),
        to(Peer::Floor),
        to(Peer::Node),
        show(repeats.spread(|outcome| units(outcome, load) / outcome.seconds)),
        time(|times| times.p50),
        time(|times| times.p99),
        time(|times| times.p999),
        lost(repeats),
        repeats.sum(|outcome| outcome.findings.doubled).to_string(),
        repeats.sum(|outcome| outcome.findings.reordered).to_string(),
        format!("{}, {}", repeats.sum(|outcome| outcome.refused), repeats.sum(|outcome| outcome.unanswered)),
        middle(repeats.spread(|outcome| outcome.memory.1.resident / 1e6)),
        middle(repeats.spread(|outcome| outcome.peak / 1e6)),
        percent(repeats.spread(server_share)),
        format!("{}{}", percent(repeats.spread(load_share)), if saturated { " !" } else { "" }),
        repeats
            .spread(foreign_share)
            .map(|spread| format!("{:.0} %", spread.most * 100.0))
            .unwrap_or_default(),
    ];
    format!("| {} |", cells.join(" | "))
}

/// How many, and of how many.
fn lost(repeats: &Repeats<'_>) -> String {
    let lost = repeats.sum(|outcome| outcome.findings.lost);
    if lost == 0 {
        return "0".to_owned();
    }
    let size = u64::from(repeats.load.rooms.size);
    let expected = repeats.sum(|outcome| (outcome.sent - outcome.refused) * size);
    format!("**{lost}** ({:.1} %)", lost as f64 / expected as f64 * 100.0)
}

fn idle(runs: &[Run], loads: &[&Load]) -> String {
    let mut out = String::from(
        "| connections | | bytes each, user space | the whole process, MB | kernel, both ends, bytes each |\n|---|---|---|---|---|\n",
    );
    for load in loads {
        let connections = f64::from(load.rooms.connections);
        for peer in &load.peers {
            let repeats = Repeats::of(runs, load, *peer);
            let Some(cost) = repeats.cost() else { continue };
            let resident = repeats.spread(|outcome| outcome.memory.1.resident / 1e6);
            let kernel =
                repeats.spread(|outcome| (outcome.memory.1.kernel - outcome.memory.0.kernel) / connections);
            let [resident, kernel] =
                [resident, kernel].map(|spread| spread.map(|spread| spread.to_string()).unwrap_or_default());
            let _ = writeln!(
                out,
                "| {} | {} | {cost} | {resident} | {kernel} |",
                short(connections),
                peer.name()
            );
        }
    }
    out
}

fn failures(runs: &[Run]) -> String {
    let failed: Vec<String> = runs
        .iter()
        .filter_map(|run| {
            let failure = run.outcome.as_ref().err()?;
            Some(format!("- {} by {}, repeat {}: {failure}\n", run.load, run.peer.name(), run.repeat))
        })
        .collect();
    if failed.is_empty() {
        return String::new();
    }
    format!("\n## What failed\n\n{}", failed.concat())
}
