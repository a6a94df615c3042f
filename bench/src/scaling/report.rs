//! Curves as Markdown and pictures.

use super::{Found, Point, curves};
use crate::{
    plan::Unit,
    report::{
        machine::Machine,
        plot::{Series, lines},
        spread::{Spread, short},
    },
    runner::Extent,
};
use std::fmt::Write;

/// The report.
#[must_use]
pub fn markdown(found: &[Found], machine: &Machine, extent: &Extent) -> String {
    let mut out = format!(
        "# How Plaza scales\n\n\
         Made by `make bench ARGS=scaling`. The kernel gives each process a share of one processor (`cpu.cfs_quota_us`, or `cpu.max`);\n\
         the load has the other. Always more is asked for than is carried, so what is carried is the most there is. Medians of\n\
         {} windows of {} s, and their range.\n\n\
         To all points but the last the universal scalability law is fitted, `X(N) = γN / (1 + α(N − 1) + βN(N − 1))`: γ is what one\n\
         carries, α the part that waits in one line, β what each settles with each other. The last point is **held out**, and foretold by it.\n\
         Of every other point the last column says what the law tells that is fitted without that point. Where less than 90 % of a share\n\
         was used (in bold), something else was at its end: the disk, PostgreSQL, the load, or others on this machine.\n\n",
        extent.repeats,
        extent.window.as_secs_f64(),
    );
    out += &machine.table();
    for curve in curves() {
        let Some(found) = found.iter().find(|found| found.name == curve.name) else { continue };
        let unit = if curve.unit == Unit::Ack { "acknowledged messages" } else { "deliveries" };
        let _ = writeln!(out, "\n## {}\n\n![{}]({}.svg)\n", curve.about, curve.name, file(curve.name));
        if let Some(law) = &found.law {
            let best = law.best().map_or("none".to_owned(), short);
            let _ = writeln!(
                out,
                "γ = {} {unit} a second, α = {:.4}, β = {:.5}; the number that carries most: {best}. The held-out point was foretold \
                 with an error of **{:+.1} %**.\n",
                short(law.gamma),
                law.alpha,
                law.beta,
                found.error() * 100.0
            );
        }
        let _ = writeln!(
            out,
            "| {} | {unit} a second | of its share, used | foretold | error |\n|---|---|---|---|---|",
            curve.across
        );
        for (point, foretold) in found.points.iter().zip(&found.foretold) {
            let (median, least, most) = point.carried;
            let used = format!("{:.0} %", point.used * 100.0);
            let used = if point.used < 0.9 { format!("**{used}**") } else { used };
            let held = if point.n == curve.most { " (held out)" } else { "" };
            let _ = writeln!(
                out,
                "| {}{held} | {}{} | {} | {} | {:+.1} % |",
                point.n,
                Spread { median, least, most },
                if point.load_saturated { " !" } else { "" },
                used,
                short(*foretold),
                (foretold / median - 1.0) * 100.0
            );
        }
    }
    out
}

/// Names of files, and what is in them.
#[must_use]
pub fn pictures(found: &[Found]) -> Vec<(String, String)> {
    let curves = curves();
    let pictures = found.iter().filter_map(|found| {
        let curve = curves.iter().find(|curve| curve.name == found.name)?;
        let points = |of: &[Point], law: &dyn Fn(&Point) -> f64| {
            of.iter().map(|point| (f64::from(point.n), law(point))).collect::<Vec<_>>()
        };
        let (held_out, fitted) = found.points.split_last()?;
        let line = |colour, name: &str, points| Series { colour, name: name.to_owned(), points };
        let mut series = vec![line(0, "measured", points(fitted, &|point| point.carried.0))];
        if let Some(law) = found.law {
            series.push(line(1, "law", points(&found.points, &|point| law.carries(f64::from(point.n)))));
        }
        series.push(line(4, "held out", points(std::slice::from_ref(held_out), &|point| point.carried.0)));
        let up =
            if curve.unit == Unit::Ack { "acknowledged messages a second" } else { "deliveries a second" };
        Some((format!("{}.svg", file(curve.name)), lines(curve.name, curve.across, up, &series)))
    });
    pictures.collect()
}

fn file(name: &str) -> String {
    format!("scaling-{name}")
}
