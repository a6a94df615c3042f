//! How fast a cost grows: the power of what there is more of that a delivery's cost follows. Nought is what grows with its work
//! and no faster.

use super::{
    plots::{FAMILIES, growth},
    spread::short,
};
use crate::{plan::Load, runner::Run};
use std::fmt::Write;

/// A table of the powers of all lines.
#[must_use]
pub(super) fn rates(runs: &[Run], loads: &[Load]) -> String {
    let mut out = String::from(
        "A delivery's cost follows a power of what there is more of: 0 where all grows with its work and no faster, below it where \
         there is something to share, 1 where each delivery costs twice as much with twice as many. Given is the power that is nearest to \
         all points, that of the last step alone, and the cost at the last point as a ratio to that at the first.\n\n\
         | more | by | from | to | power | last step | × |\n|---|---|---|---|---|---|---|\n",
    );
    for (family, across) in FAMILIES {
        for series in growth(runs, loads, family) {
            let points = &series.points;
            let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
            let (Some(all), Some(end)) = (power(points), power(&points[points.len().saturating_sub(2)..]))
            else {
                continue;
            };
            let _ = writeln!(
                out,
                "| {across} | {} | {} | {} | {all:+.2} | {end:+.2} | {} |",
                series.name,
                short(first.0),
                short(last.0),
                short(last.1 / first.1)
            );
        }
    }
    out.push('\n');
    out
}

/// The slope of the line nearest to the logarithms of some points; `None` for fewer than two places.
fn power(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |(x, y), log| (x + log.0 / count, y + log.1 / count));
    let across: f64 = logs.iter().map(|log| (log.0 - x).powi(2)).sum();
    let up: f64 = logs.iter().map(|log| (log.0 - x) * (log.1 - y)).sum();
    (across > 0.0).then(|| up / across)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_found() {
        let points = |power: f64| [2.0, 10.0, 100.0, 5000.0].map(|x: f64| (x, 3.0 * x.powf(power)));
        for expected in [0.0, 1.0, -0.5] {
            let found = power(&points(expected)).expect("enough points");
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
        assert_eq!(power(&[(3.0, 1.0)]), None);
        assert_eq!(power(&[]), None);
    }
}
