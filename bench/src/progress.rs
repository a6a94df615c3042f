//! How far the whole is, on standard error: a bar that stays in its line on a terminal, a line a run elsewhere.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

const WIDTH: usize = 30;

/// A bar.
pub struct Progress {
    runs: usize,
    done: usize,
    began: Instant,
}

impl Progress {
    /// Of so many runs.
    #[must_use]
    pub fn new(runs: usize) -> Self {
        Self { runs, done: 0, began: Instant::now() }
    }

    /// The next run begins.
    pub fn begins(&self, what: &str) {
        if stderr().is_terminal() {
            let _ = write!(stderr(), "\r\x1b[K{} {what}", line(self.done, self.runs, self.began.elapsed()));
        }
    }

    /// It has ended; `how` it went is kept on the screen.
    pub fn ended(&mut self, how: &str) {
        self.done += 1;
        let before = if stderr().is_terminal() { "\r\x1b[K" } else { "" };
        let _ = writeln!(stderr(), "{before}{how}");
    }
}

fn line(done: usize, runs: usize, elapsed: Duration) -> String {
    let full = WIDTH * done / runs.max(1);
    let left = match done {
        0 => String::new(),
        _ => {
            let seconds = elapsed.as_secs() as usize * (runs - done) / done;
            format!(", {}:{:02} left", seconds / 60, seconds % 60)
        }
    };
    format!("[{}{}] {done} of {runs}{left}:", "#".repeat(full), ".".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_and_tells_the_rest() {
        assert_eq!(line(0, 4, Duration::ZERO), format!("[{}] 0 of 4:", ".".repeat(30)));
        let half = format!("[{}{}] 2 of 4, 1:05 left:", "#".repeat(15), ".".repeat(15));
        assert_eq!(line(2, 4, Duration::from_secs(65)), half);
        assert!(line(4, 4, Duration::from_secs(65)).contains("0:00 left"));
    }
}
