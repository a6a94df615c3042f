//! What was found, as Markdown.

use super::Found;
use crate::report::{
    machine::Machine,
    spread::{Spread, short, whole},
};
use std::fmt::Write;

/// The report.
#[must_use]
pub fn markdown(found: &Found, machine: &Machine) -> String {
    let mut out = format!(
        "# What a long log costs\n\n\
         Made by `make bench ARGS=log`. One member wrote {} messages of 32 bytes into one room through the product itself; the\n\
         database has {} MB then. SQLite, `synchronous=FULL`, the server on a processor of its own, all files in the page cache.\n\n",
        whole(found.events as f64),
        short(found.bytes as f64 / 1e6),
    );
    out += &machine.table();
    let show =
        |times: &[f64]| Spread::of(times.iter().copied()).map(|times| times.to_string()).unwrap_or_default();
    let _ = write!(
        out,
        "\n## From the start of the process to ready\n\n\
         Until `/readyz` answers 200; {} starts each, in turn, medians and ranges.\n\n\
         | log | ms |\n|---|---|\n| empty | {} |\n| {} events | {} |\n\nThe ratio of the medians is **{:.2}**.\n",
        found.ready_ms.0.len(),
        show(&found.ready_ms.0),
        whole(found.events as f64),
        show(&found.ready_ms.1),
        found.ready_ratio(),
    );
    out += "\n## Reading\n\nOne request at a time, each kind in turn with all others.\n\n\
            | request | events | server CPU, µs | × short room | p50, µs |\n|---|---|---|---|---|\n";
    for cost in &found.costs {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {:.2} | {} |",
            cost.about,
            cost.events,
            short(cost.cpu_us),
            cost.ratio(&found.costs),
            short(cost.p50_us)
        );
    }
    out += "\n## Writing\n\nServer CPU a message, of each tenth of the filling, 256 messages under way.\n\n| events | µs |\n|---|---|\n";
    for (tenth, us) in (1_u32..).zip(&found.append_us) {
        let _ =
            writeln!(out, "| {} | {} |", whole(found.events as f64 * f64::from(tenth) / 10.0), short(*us));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{super::Cost, *};

    fn found() -> Found {
        let cost =
            |about: &str, cpu_us| Cost { about: about.to_owned(), like: 0, events: 50, cpu_us, p50_us: 9.0 };
        Found {
            events: 1_000_000,
            bytes: 300_000_000,
            append_us: vec![40.0; 10],
            ready_ms: (vec![20.0, 22.0, 21.0], vec![25.0, 26.0, 21.0]),
            costs: vec![cost("short", 100.0), cost("long", 110.0)],
        }
    }

    #[test]
    fn what_is_flat_is_said_to_be() {
        let found = found();
        assert!(found.wrong().is_empty());
        let report = markdown(&found, &Machine { facts: Vec::new() });
        assert!(
            report.contains("**1.19**") && report.contains("| long | 50 | 110 | 1.10 | 9.00 |"),
            "{report}"
        );
    }

    #[test]
    fn what_grows_with_the_log_is_told_of() {
        let mut found = found();
        found.ready_ms.1 = vec![50.0];
        found.costs[1].cpu_us = 200.0;
        assert_eq!(found.wrong().len(), 2);
    }
}
