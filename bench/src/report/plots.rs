//! Which plots there are, and what is in them.

use super::{
    figures::Repeats,
    plot::{Panel, Series, bars, lines},
};
use crate::{
    plan::{Group, Load, Unit},
    runner::Run,
};

/// File names and pictures, of what was measured.
#[must_use]
pub fn plots(runs: &[Run], loads: &[Load]) -> Vec<(String, String)> {
    let mut plots = Vec::new();
    for (group, file, title, unit) in [
        (Group::Rooms, "rooms.svg", "Messages to rooms", "server CPU, µs a delivery"),
        (Group::Echo, "echo.svg", "Events that are answered", "server CPU, µs an ack"),
        (Group::Idle, "idle.svg", "Connections that rest", "bytes each, user space"),
        (Group::Nodes, "nodes.svg", "Two nodes and Redis", "servers' CPU, µs a delivery"),
        (Group::Product, "product.svg", "Plaza whole", "servers' CPU, µs an acknowledged message"),
    ] {
        let panels: Vec<Panel> =
            loads.iter().filter(|load| load.group == group).filter_map(|load| panel(runs, load)).collect();
        if !panels.is_empty() {
            plots.push((file.to_owned(), bars(title, unit, &panels)));
        }
    }
    for (family, across) in FAMILIES {
        let series = growth(runs, loads, family);
        if !series.is_empty() {
            let title = format!("Cost of a delivery by number of {across}");
            plots.push((
                format!("growth-{family}.svg"),
                lines(&title, across, "server CPU, µs a delivery", &series),
            ));
        }
    }
    plots
}

fn panel(runs: &[Run], load: &Load) -> Option<Panel> {
    let bars: Vec<_> = load
        .peers
        .iter()
        .filter_map(|peer| Some((*peer as usize, peer.name(), Repeats::of(runs, load, *peer).cost()?)))
        .collect();
    let title = format!("{}: {}", load.name, load.about);
    (!bars.is_empty()).then_some(Panel { title, bars })
}

/// What grows: the families of loads, and what there is more of in each.
pub(super) const FAMILIES: [(&str, &str); 3] =
    [("size", "members of a room"), ("rooms", "rooms"), ("connections", "connections")];

/// One line a server: the loads of a family, by the number in their names.
pub(super) fn growth(runs: &[Run], loads: &[Load], family: &str) -> Vec<Series> {
    let prefix = format!("{family}-");
    let mut series: Vec<Series> = Vec::new();
    for load in loads.iter().filter(|load| load.group == Group::Growth && load.unit == Unit::Delivery) {
        let Some(Ok(at)) = load.name.strip_prefix(&prefix).map(str::parse::<f64>) else { continue };
        for peer in &load.peers {
            let Some(cost) = Repeats::of(runs, load, *peer).cost().filter(|cost| cost.median > 0.0) else {
                continue;
            };
            let (colour, name) = (*peer as usize, peer.name());
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push((at, cost.median)),
                None => series.push(Series { colour, name, points: vec![(at, cost.median)] }),
            }
        }
    }
    series
}
