//! A `plaza serve` that fails once the file that its argument names is there: when the log next asks the time, its clock takes
//! the file away and panics, and with it the log's task. Others who ask, as the feed does after it has passed a message on, are
//! told. For tests of what a node does that stops by itself; the product has no such switch.

use plaza_chat::{Clock, SystemClock};
use plaza_server::{config::Sources, start};
use std::{backtrace::Backtrace, path::PathBuf, process::ExitCode, sync::Arc};

struct Breaking {
    when: PathBuf,
}

impl Clock for Breaking {
    fn now(&self) -> i64 {
        let what = self.when.display();
        let breaks = self.when.exists()
            && Backtrace::force_capture().to_string().contains("LogBatch")
            && std::fs::remove_file(&self.when).is_ok();
        assert!(!breaks, "the clock is broken, as {what} says, with a secret in the message");
        SystemClock.now()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let when = PathBuf::from(std::env::args().nth(1).unwrap_or_default());
    let environment = std::env::vars().collect();
    let sources = Sources { environment, ..Sources::default() };
    match start::serve_by(&sources, Arc::new(Breaking { when }), &mut std::io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plaza: {error:#}");
            ExitCode::FAILURE
        }
    }
}
