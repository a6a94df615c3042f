//! The universal scalability law (N. J. Gunther, "Guerrilla Capacity Planning", Springer 2007): what `n` of something carry is
//! `γn / (1 + α(n − 1) + βn(n − 1))`. γ is what one carries, α the part of the work that waits in one line (contention), β
//! what each has to settle with each other (coherency).

use serde::Serialize;

/// A law with its three numbers, none of them below zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Law {
    /// What one carries.
    pub gamma: f64,
    /// The part that waits in one line.
    pub alpha: f64,
    /// What each settles with each other.
    pub beta: f64,
}

impl Law {
    /// What `n` carry.
    #[must_use]
    pub fn carries(&self, n: f64) -> f64 {
        self.gamma * n / (1.0 + self.alpha * (n - 1.0) + self.beta * n * (n - 1.0))
    }

    /// How many carry the most; `None` where more always carry more.
    #[must_use]
    pub fn best(&self) -> Option<f64> {
        (self.beta > 0.0).then(|| ((1.0 - self.alpha) / self.beta).max(1.0).sqrt())
    }

    /// The law that is nearest to some points `(n, carried)`, by the sum of the squares of its relative errors; `None`
    /// for fewer than three points.
    ///
    /// Where `1/γ`, `α/γ` and `β/γ` are looked for, `n / carried` is linear in them. Each row is divided by its right side, so
    /// that a small point counts as much as a large one. A number that came out below zero is none at all, and the rest is fitted
    /// without it.
    #[must_use]
    pub fn fit(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < 3 {
            return None;
        }
        let rows: Vec<[f64; 3]> = points
            .iter()
            .map(|(n, carried)| [1.0, n - 1.0, n * (n - 1.0)].map(|base| base * carried / n))
            .collect();
        let used = [[true, true, true], [true, true, false], [true, false, true], [true, false, false]];
        let candidates = used.iter().filter_map(|used| {
            let found = least_squares(&rows, *used)?;
            found.iter().all(|number| *number >= 0.0).then(|| (error(&rows, &found), found))
        });
        let (_, [gamma, alpha, beta]) = candidates.min_by(|one, other| one.0.total_cmp(&other.0))?;
        (gamma > 0.0).then(|| Self { gamma: 1.0 / gamma, alpha: alpha / gamma, beta: beta / gamma })
    }
}

/// The sum of squares of `row · numbers − 1`.
fn error(rows: &[[f64; 3]], numbers: &[f64; 3]) -> f64 {
    let each = rows.iter().map(|row| row.iter().zip(numbers).map(|(a, b)| a * b).sum::<f64>() - 1.0);
    each.map(|error| error * error).sum()
}

/// The numbers by which `row · numbers` is nearest to 1 in all rows, where those that are not `used` are 0.
fn least_squares(rows: &[[f64; 3]], used: [bool; 3]) -> Option<[f64; 3]> {
    // The normal equations, with what is not used as an equation `x = 0`.
    let mut system = [[0.0; 4]; 3];
    for (i, line) in system.iter_mut().enumerate() {
        if !used[i] {
            line[i] = 1.0;
            continue;
        }
        for row in rows {
            for j in (0..3).filter(|j| used[*j]) {
                line[j] += row[i] * row[j];
            }
            line[3] += row[i];
        }
    }
    for column in 0..3 {
        let pivot =
            (column..3).max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs()))?;
        system.swap(column, pivot);
        let top = system[column];
        if top[column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        for (_, line) in system.iter_mut().enumerate().filter(|(index, _)| *index != column) {
            let factor = line[column] / top[column];
            line.iter_mut().zip(top).for_each(|(number, top)| *number -= factor * top);
        }
    }
    Some([0, 1, 2].map(|index| system[index][3] / system[index][index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(law: Law, wobble: f64) -> Vec<(f64, f64)> {
        let point = |n: u32| {
            let off = if n.is_multiple_of(2) { 1.0 + wobble } else { 1.0 - wobble };
            (f64::from(n), law.carries(f64::from(n)) * off)
        };
        (1..=10).map(point).collect()
    }

    #[test]
    fn a_law_is_found_again() {
        for (gamma, alpha, beta) in
            [(1000.0, 0.05, 0.002), (3.0, 0.3, 0.0), (70_000.0, 0.0, 0.01), (8.0, 0.0, 0.0)]
        {
            let law = Law { gamma, alpha, beta };
            let found = Law::fit(&points(law, 0.0)).unwrap();
            assert!((found.gamma / gamma - 1.0).abs() < 1e-6, "{found:?}");
            assert!((found.alpha - alpha).abs() < 1e-6 && (found.beta - beta).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn what_wobbles_is_found_about() {
        let law = Law { gamma: 1000.0, alpha: 0.08, beta: 0.003 };
        let found = Law::fit(&points(law, 0.02)).unwrap();
        for n in [1.0, 5.0, 12.0] {
            assert!((found.carries(n) / law.carries(n) - 1.0).abs() < 0.06, "{found:?} at {n}");
        }
    }

    #[test]
    fn nothing_is_below_zero() {
        // More than linear: no law with contention does that.
        let found = Law::fit(&[(1.0, 10.0), (2.0, 22.0), (4.0, 46.0), (8.0, 95.0)]).unwrap();
        assert!(found.alpha == 0.0 && found.beta == 0.0 && found.gamma > 10.0, "{found:?}");
        assert_eq!(Law::fit(&[(1.0, 1.0), (2.0, 2.0)]), None);
    }

    #[test]
    fn the_best_number_is_where_the_law_turns() {
        let law = Law { gamma: 10.0, alpha: 0.1, beta: 0.01 };
        let best = law.best().unwrap();
        assert!(law.carries(best) > law.carries(best - 1.0) && law.carries(best) > law.carries(best + 1.0));
        assert_eq!(Law { gamma: 1.0, alpha: 0.1, beta: 0.0 }.best(), None);
    }
}
