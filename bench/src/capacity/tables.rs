//! The figures of `docs/capacity.md`, as Markdown.

use super::model::{FULL, Inputs, NODE};
use crate::report::{
    machine::Machine,
    spread::{short, whole},
};
use std::fmt::Write;

/// All of it.
#[must_use]
pub(super) fn figures(inputs: &Inputs, machine: &Machine) -> String {
    let plaza = machine.facts.iter().find(|(name, _)| name == "Plaza").map_or("", |(_, version)| version);
    let processor = machine.facts.iter().find(|(name, _)| name == "Processor").map_or("", |(_, said)| said);
    format!(
        "Of Plaza {plaza}, on: {processor}.\n\n### What was measured\n\n{}\n### What a node carries\n\n{}\n### What many people need\n\n{}",
        measured(inputs),
        nodes(inputs),
        people(inputs)
    )
}

fn measured(inputs: &Inputs) -> String {
    let mut out = String::from("| figure | | | from |\n|---|---|---|---|\n");
    let mut row = |name: &str, value: f64, unit: &str, from: &str| {
        let _ = writeln!(out, "| {name} | {} {unit} | *measured* | {from} |", short(value));
    };
    row("a signed-in connection that rests, user space", inputs.connection, "bytes", "I18k, plaza");
    row(
        "the kernel's part of it, on the server's side",
        inputs.kernel,
        "bytes",
        "I18k, plaza, half of both ends",
    );
    row("the process with 1,000 connections, code included", inputs.process / 1e6, "MB", "I1k, plaza");
    row("a delivery in rooms of 10", inputs.delivery, "µs", "L3, plaza");
    row("a message, stored, synced and acknowledged, rooms of two", inputs.ack, "µs", "P2, plaza");
    row(
        "a message of the quiet crowd, with its 20 deliveries, one process",
        inputs.quiet,
        "µs",
        "Q10k, plaza",
    );
    row("the same on two nodes: of the nodes", inputs.nodes, "µs", "Q10k, plaza-cluster");
    row("of Redis", inputs.redis, "µs", "Q10k, plaza-cluster, beside");
    row("of PostgreSQL", inputs.postgres, "µs", "Q10k, plaza-cluster, beside");
    row("an event in the database", inputs.event, "bytes", "log.md");
    let _ = writeln!(
        out,
        "| each further node with members of a room, a message | {} µs | *modelled* | slope over the nodes of scaling.md |",
        short(inputs.further_node)
    );
    let _ = writeln!(
        out,
        "| one process with more of one processor | α {:.4}, β {:.5} | *modelled* | law of scaling.md |",
        inputs.share.0, inputs.share.1
    );
    out
}

fn nodes(inputs: &Inputs) -> String {
    let mut out = format!(
        "One process with SQLite, {:.0} % full. All *modelled* from the figures above: connections by memory alone, the other two by \
         processors alone, each as if there were nothing else to do. No process was measured with more than one processor: with \
         more, the figures are what there can be *at most*, if nothing is shared, and SQLite's one writer is.\n\n\
         | processors | memory | connections | deliveries a second | acknowledged messages a second |\n|---|---|---|---|---|\n",
        FULL * 100.0
    );
    for (cores, memory) in [(1.0, 512e6), (2.0, 4e9), (4.0, 8e9), (8.0, 32e9)] {
        let _ = writeln!(
            out,
            "| {cores} | {} | {} | {} | {} |",
            bytes(memory),
            whole(rounded(inputs.connections(memory))),
            at_most(cores, inputs.deliveries(cores)),
            at_most(cores, inputs.acknowledged(cores)),
        );
    }
    out
}

fn people(inputs: &Inputs) -> String {
    let (cores, memory) = NODE;
    let mut out = format!(
        "Online at once, each with one message a minute in rooms of 20 whose members are on all nodes; nodes of {cores} processors and \
         {}, {:.0} % full. All *modelled*.\n\n\
         | online | messages a second | deliveries a second | memory of connections | nodes | processors of nodes | of Redis | of \
         PostgreSQL | stored a day |\n|---|---|---|---|---|---|---|---|---|\n",
        bytes(memory),
        FULL * 100.0
    );
    for people in [100_000.0, 1e6, 1e7, 1e8] {
        let needs = inputs.needs(people);
        let (nodes, redis, postgres) = needs.cores;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            whole(people),
            whole(rounded(needs.messages)),
            whole(rounded(needs.deliveries)),
            bytes(needs.memory),
            whole(needs.nodes),
            short(nodes),
            short(redis),
            short(postgres),
            bytes(needs.stored)
        );
    }
    out
}

/// What so many processors carry, where one was measured.
fn at_most(cores: f64, carried: f64) -> String {
    let carried = whole(rounded(carried));
    if cores > 1.0 { format!("at most {carried}") } else { carried }
}

/// To two digits: a model has no more.
fn rounded(number: f64) -> f64 {
    if number < 1.0 {
        return 0.0;
    }
    let step = 10_f64.powf(number.log10().floor() - 1.0);
    (number / step).round() * step
}

fn bytes(bytes: f64) -> String {
    match bytes {
        many if many >= 1e12 => format!("{} TB", short(many / 1e12)),
        some if some >= 1e9 => format!("{} GB", short(some / 1e9)),
        few => format!("{} MB", short(few / 1e6)),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::model::tests::inputs, *};

    #[test]
    fn every_figure_says_what_it_is() {
        let figures = figures(&inputs(), &Machine { facts: Vec::new() });
        let rows = figures.lines().filter(|line| line.starts_with('|') && line.contains(" µs | "));
        assert!(rows.clone().count() >= 7);
        assert!(
            rows.into_iter().all(|row| row.contains("*measured*") || row.contains("*modelled*")),
            "{figures}"
        );
        assert!(figures.contains("| 1 | 512 MB | 28,000 |"), "{figures}");
    }

    #[test]
    fn a_model_has_two_digits() {
        assert_eq!([rounded(123_456.0), rounded(98.7), rounded(0.2)].map(whole), ["120,000", "99", "0"]);
    }
}
