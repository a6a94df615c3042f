//! Plots as SVG: bars with their ranges, and lines over a logarithmic axis. Plain text, so that a change of them can be read.

use super::spread::{Spread, short};
use std::fmt::Write;

const COLOURS: [&str; 8] =
    ["#4e79a7", "#e15759", "#76b7b2", "#f28e2b", "#59a14f", "#b07aa1", "#9c755f", "#bab0ac"];
const STYLE: &str = "<style>text{font:12px sans-serif;fill:#333}.title{font-size:15px;font-weight:bold}.axis{stroke:#999}\
                     .grid{stroke:#ddd}.range{stroke:#333}</style>";

/// Some bars under one heading, with a scale of their own.
pub struct Panel {
    /// The heading.
    pub title: String,
    /// Names and lengths. The index of a colour goes with the name.
    pub bars: Vec<(usize, String, Spread)>,
}

/// Panels below each other.
#[must_use]
pub fn bars(title: &str, unit: &str, panels: &[Panel]) -> String {
    const LEFT: f64 = 150.0;
    const WIDTH: f64 = 430.0;
    const BAR: f64 = 17.0;
    let mut body =
        format!("<text class=\"title\" x=\"10\" y=\"22\">{}, {}</text>", escape(title), escape(unit));
    let mut y = 46.0;
    for panel in panels {
        let _ = write!(
            body,
            "<text x=\"10\" y=\"{y:.0}\" style=\"font-weight:bold\">{}</text>",
            escape(&panel.title)
        );
        y += 8.0;
        let most = panel.bars.iter().map(|(_, _, spread)| spread.most).fold(f64::MIN_POSITIVE, f64::max);
        for (colour, name, spread) in &panel.bars {
            let x = |value: f64| LEFT + WIDTH * (value / most).clamp(0.0, 1.0);
            let (middle, colour) = (y + BAR / 2.0, COLOURS[colour % COLOURS.len()]);
            let _ = writeln!(
                body,
                "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT:.0}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.0}\" fill=\"{colour}\"/>\
                 <line class=\"range\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                middle + 4.0,
                escape(name),
                y + 1.0,
                x(spread.median) - LEFT,
                BAR - 2.0,
                x(spread.least),
                x(spread.most),
                x(spread.most) + 6.0,
                middle + 4.0,
                short(spread.median),
            );
            y += BAR;
        }
        y += 24.0;
    }
    svg(700.0, y, &body)
}

/// A name, and points from left to right; all above zero.
pub struct Series {
    /// The index of its colour.
    pub colour: usize,
    /// What it is.
    pub name: String,
    /// Where.
    pub points: Vec<(f64, f64)>,
}

/// Lines, both axes logarithmic, so that what grows with its work is level and what grows faster is not.
#[must_use]
pub fn lines(title: &str, across: &str, up: &str, series: &[Series]) -> String {
    const LEFT: f64 = 70.0;
    const TOP: f64 = 50.0;
    const WIDTH: f64 = 440.0;
    const HEIGHT: f64 = 260.0;
    let points = || series.iter().flat_map(|series| &series.points);
    let (x_low, x_high) = decades(points().map(|point| point.0));
    let (y_low, y_high) = decades(points().map(|point| point.1));
    let x = |value: f64| LEFT + WIDTH * (value.log10() - x_low) / (x_high - x_low);
    let y = |value: f64| TOP + HEIGHT * (y_high - value.log10()) / (y_high - y_low);
    let mut body = format!("<text class=\"title\" x=\"10\" y=\"22\">{}</text>", escape(title));
    for decade in whole(x_low, x_high) {
        let (at, label) = (x(10_f64.powf(decade)), axis_label(decade));
        let _ = write!(
            body,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP:.0}\" y2=\"{:.0}\"/>",
            TOP + HEIGHT
        );
        let _ = writeln!(
            body,
            "<text x=\"{at:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
            TOP + HEIGHT + 16.0
        );
    }
    for decade in whole(y_low, y_high) {
        let (at, label) = (y(10_f64.powf(decade)), axis_label(decade));
        let _ = write!(
            body,
            "<line class=\"grid\" x1=\"{LEFT:.0}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            LEFT + WIDTH
        );
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let _ = write!(
        body,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
        LEFT + WIDTH / 2.0,
        TOP + HEIGHT + 36.0,
        escape(across)
    );
    let _ = writeln!(body, "<text x=\"10\" y=\"{:.0}\">{}</text>", TOP - 8.0, escape(up));
    for (row, Series { colour, name, points }) in (0_u8..).zip(series) {
        let colour = COLOURS[colour % COLOURS.len()];
        let path: Vec<String> =
            points.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py))).collect();
        let _ = write!(
            body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (px, py) in points {
            let _ =
                write!(body, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(*px), y(*py));
        }
        let at = TOP + 14.0 + 18.0 * f64::from(row);
        let _ = write!(
            body,
            "<rect x=\"{0:.0}\" y=\"{1:.1}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>",
            LEFT + WIDTH + 14.0,
            at - 6.0
        );
        let _ =
            writeln!(body, "<text x=\"{:.0}\" y=\"{at:.1}\">{}</text>", LEFT + WIDTH + 32.0, escape(name));
    }
    svg(680.0, TOP + HEIGHT + 50.0, &body)
}

fn svg(width: f64, height: f64, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         {STYLE}\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

/// The powers of ten around some values.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .map(f64::log10)
        .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > high { (0.0, 1.0) } else { (low.floor(), high.ceil().max(low.floor() + 1.0)) }
}

fn whole(low: f64, high: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(low), move |at| (at + 1.0 <= high + 1e-9).then_some(at + 1.0))
}

fn axis_label(decade: f64) -> String {
    if decade < 0.0 {
        format!("{:.*}", decade.abs() as usize, 10_f64.powf(decade))
    } else {
        super::spread::whole(10_f64.powf(decade))
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_width_and_others_their_part() {
        let bar = |value| Spread { median: value, least: value, most: value };
        let bars = bars(
            "T",
            "µs",
            &[Panel {
                title: "a & b".to_owned(),
                bars: vec![(0, "x".to_owned(), bar(4.0)), (1, "y".to_owned(), bar(1.0))],
            }],
        );
        assert!(bars.contains("width=\"430.0\""), "{bars}");
        assert!(bars.contains("width=\"107.5\""), "{bars}");
        assert!(bars.contains("a &amp; b"), "{bars}");
    }

    #[test]
    fn axes_hold_all_points() {
        assert_eq!(decades([0.2, 30.0].into_iter()), (-1.0, 2.0));
        assert_eq!(decades([10.0].into_iter()), (1.0, 2.0));
        assert_eq!(decades(std::iter::empty()), (0.0, 1.0));
        assert_eq!(whole(-1.0, 1.0).map(axis_label).collect::<Vec<_>>(), ["0.1", "1", "10"]);
    }
}
