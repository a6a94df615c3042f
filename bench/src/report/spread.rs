//! Several measurements of one thing: the middle one, and how far apart they are.

use std::fmt;

/// A median and its range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle; of an even number, between the two.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of some measurements; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, least, most })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, least, most } = *self;
        formatter.write_str(&short(median))?;
        if short(least) != short(most) {
            write!(formatter, " ({}–{})", short(least), short(most))?;
        }
        Ok(())
    }
}

/// A number with about three digits.
#[must_use]
pub fn short(number: f64) -> String {
    match number.abs() {
        large if large >= 99.95 => whole(number.round()),
        middle if middle >= 9.995 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// With a comma before every three digits.
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let sign = if number < 0.0 { "-" } else { "" };
    let grouped = digits.bytes().enumerate().map(|(index, digit)| {
        let comma = index > 0 && (digits.len() - index).is_multiple_of(3);
        format!("{}{}", if comma { "," } else { "" }, char::from(digit))
    });
    format!("{sign}{}", grouped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of([f64::NAN]), None);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(short(0.187), "0.19");
        assert_eq!(short(13.84), "13.8");
        assert_eq!(short(1_234_567.4), "1,234,567");
        assert_eq!(short(100.4), "100");
        assert_eq!(Spread::of([2.0, 2.001]).expect("some").to_string(), "2.00");
        assert_eq!(Spread::of([2.0, 2.5, 3.0]).expect("some").to_string(), "2.50 (2.00–3.00)");
    }
}
