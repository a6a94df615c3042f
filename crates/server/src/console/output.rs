//! Where lines go: stdout, or above the line being typed. Every line shown is kept for a while, for `expect`.

use std::{
    collections::VecDeque,
    io::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

/// Lines kept for `expect`.
const KEPT: usize = 10_000;

/// Shows lines. Clones show in the same place.
#[derive(Clone)]
pub(super) struct Output {
    inner: Arc<Mutex<Inner>>,
    shown: watch::Sender<()>,
}

struct Inner {
    sink: Sink,
    /// Shown, and not passed by an `expect`.
    lines: VecDeque<String>,
    /// Nobody reads any more.
    broken: bool,
}

enum Sink {
    /// Lines to stdout, errors to stderr.
    Pipes,
    /// All to the thread that prints above the line being typed.
    Terminal(mpsc::SyncSender<Printed>),
}

/// For the thread that prints.
pub(super) enum Printed {
    /// A line, with its end.
    Line(String),
    /// To be answered when everything before it is printed.
    Flush(oneshot::Sender<()>),
}

impl Output {
    /// To stdout and stderr.
    pub(super) fn pipes() -> Self {
        Self::new(Sink::Pipes)
    }

    /// To a thread that prints.
    pub(super) fn terminal(printer: mpsc::SyncSender<Printed>) -> Self {
        Self::new(Sink::Terminal(printer))
    }

    fn new(sink: Sink) -> Self {
        let inner = Inner { sink, lines: VecDeque::new(), broken: false };
        Self { inner: Arc::new(Mutex::new(inner)), shown: watch::Sender::new(()) }
    }

    /// Shows a line.
    pub(super) fn line(&self, line: &str) {
        {
            let mut inner = self.lock();
            let failed = match &inner.sink {
                Sink::Pipes => writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush()).is_err(),
                Sink::Terminal(printer) => printer.send(Printed::Line(format!("{line}\n"))).is_err(),
            };
            inner.broken |= failed;
            inner.lines.push_back(line.to_owned());
            let surplus = inner.lines.len().saturating_sub(KEPT);
            inner.lines.drain(..surplus);
        }
        self.shown.send_replace(());
    }

    /// Shows a line about something that went wrong.
    pub(super) fn error(&self, line: &str) {
        let mut inner = self.lock();
        inner.broken |= match &inner.sink {
            Sink::Pipes => writeln!(io::stderr(), "{line}").is_err(),
            Sink::Terminal(printer) => printer.send(Printed::Line(format!("{line}\n"))).is_err(),
        };
    }

    /// Whether whoever read this has gone away.
    pub(super) fn is_broken(&self) -> bool {
        self.lock().broken
    }

    /// Waits until what was shown so far stands there.
    pub(super) async fn flush(&self) {
        let (done, printed) = oneshot::channel();
        if let Sink::Terminal(printer) = &self.lock().sink {
            let _ = printer.send(Printed::Flush(done));
        }
        let _ = printed.await;
    }

    /// Waits until a line that contains `text` is shown, and passes it. False when that takes too long.
    pub(super) async fn expect(&self, text: &str, within: Duration) -> bool {
        let mut shown = self.shown.subscribe();
        let found = async {
            loop {
                shown.mark_unchanged();
                if self.pass(text) {
                    return true;
                }
                if shown.changed().await.is_err() {
                    return false;
                }
            }
        };
        timeout(within, found).await.unwrap_or(false)
    }

    fn pass(&self, text: &str) -> bool {
        let mut inner = self.lock();
        let found = inner.lines.iter().position(|line| line.contains(text));
        if let Some(at) = found {
            inner.lines.drain(..=at);
        }
        found.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
