//! How far something long is: a bar in one line that is written over on a terminal, elsewhere a line now and then.

use std::{
    io::{self, IsTerminal as _, Write},
    time::{Duration, Instant},
};

/// Between two lines of a log.
const EVERY: Duration = Duration::from_secs(5);
/// Between two looks of a bar.
const MOMENT: Duration = Duration::from_millis(100);
/// How many characters a bar has.
const WIDTH: u64 = 30;

/// Says how far something is.
pub(crate) struct Meter<'a> {
    to: &'a mut (dyn Write + Send),
    terminal: bool,
    told: Instant,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(to: &'a mut (dyn Write + Send)) -> Self {
        Self { to, terminal: io::stderr().is_terminal(), told: Instant::now() }
    }

    /// `done` of so many, and the same in words.
    pub(crate) fn show(&mut self, done: u64, of: u64, words: impl FnOnce() -> String) {
        let pause = if self.terminal { MOMENT } else { EVERY };
        if self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        // Whoever looked on may have gone; the work goes on.
        if self.terminal {
            let _ =
                write!(self.to, "\r{} {} \u{1b}[K", bar(done, of), words()).and_then(|()| self.to.flush());
        } else {
            let _ = writeln!(self.to, "{}", words());
        }
    }

    pub(crate) fn end(&mut self) {
        if self.terminal {
            let _ = writeln!(self.to);
        }
    }
}

/// `[######··········]  40 %`
fn bar(done: u64, of: u64) -> String {
    let (done, of) = (u128::from(done.min(of)), u128::from(of.max(1)));
    let full = (done * u128::from(WIDTH) / of) as usize;
    format!("[{}{}] {:>3} %", "#".repeat(full), "·".repeat(WIDTH as usize - full), done * 100 / of)
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn a_bar_is_as_long_as_it_is() {
        assert_eq!(bar(0, 0), format!("[{}]   0 %", "·".repeat(30)));
        assert_eq!(bar(1, 2), format!("[{}{}]  50 %", "#".repeat(15), "·".repeat(15)));
        assert_eq!(bar(9, 2), format!("[{}] 100 %", "#".repeat(30)));
    }
}
