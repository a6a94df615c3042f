//! When messages should be sent, whatever the server does, and how many are due.

use std::time::Duration;

/// Evenly so many a second.
pub(super) struct Pace {
    per_second: f64,
    sent: u64,
}

impl Pace {
    pub(super) fn new(per_second: f64) -> Self {
        Self { per_second, sent: 0 }
    }

    /// When the next should be sent, since the beginning.
    pub(super) fn next(&self) -> Duration {
        Duration::from_secs_f64(self.sent as f64 / self.per_second)
    }

    /// When the next should have been sent, if it is due at `now`; it then counts as sent.
    pub(super) fn due(&mut self, now: Duration) -> Option<Duration> {
        let next = self.next();
        (next <= now).then(|| {
            self.sent += 1;
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_up_is_due_at_its_own_time() {
        let mut pace = Pace::new(1000.0);
        let mut due = Vec::new();
        while let Some(at) = pace.due(Duration::from_millis(5)) {
            due.push(at.as_micros());
        }
        assert_eq!(due, [0, 1000, 2000, 3000, 4000, 5000]);
        assert_eq!(pace.next(), Duration::from_millis(6));
    }
}
