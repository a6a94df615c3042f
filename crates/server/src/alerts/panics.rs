//! Where the last panics were, as far as one may tell others.

use plaza_chat::Clock;
use plaza_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    backtrace::Backtrace,
    collections::VecDeque,
    panic::PanicHookInfo,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// As many are remembered.
const KEPT: usize = 5;
/// As many lines of each backtrace.
const LINES: usize = 200;

/// One panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// When.
    pub at: Timestamp,
    /// File, line and column.
    pub location: String,
    /// What the code says, without what was put into it at run time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// How it came there, the innermost first.
    pub backtrace: Vec<String>,
}

/// The last panics of this process.
pub struct Panics {
    clock: Arc<dyn Clock>,
    last: Mutex<VecDeque<Panic>>,
}

impl Panics {
    /// None yet. The clock must not panic: inside of a panic that would end the process.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Mutex::default() }
    }

    /// Remembers one: for the hook that is called when it happens.
    pub(crate) fn note(&self, panic: &PanicHookInfo<'_>) {
        let backtrace = Backtrace::force_capture().to_string();
        let noted = Panic {
            at: Timestamp::from_millis(self.clock.now()),
            location: panic.location().map(ToString::to_string).unwrap_or_default(),
            // A text that was put together holds what it was put together from: somebody's message, perhaps.
            message: panic.payload().downcast_ref::<&'static str>().map(|text| (*text).to_owned()),
            backtrace: backtrace.lines().take(LINES).map(|line| line.trim_end().to_owned()).collect(),
        };
        let mut last = self.lock();
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(noted);
    }

    pub(super) fn all(&self) -> Vec<Panic> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Panic>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
