//! Who comes in waits for a turn: so many are let in and brought up to date at the same time, the others stand in line.
//!
//! When a node dies, its clients come to the others within a second, each with questions to the store. All at once they
//! would wait for its connections together, give up together, and come again: nobody would get in, and who is here would
//! not be answered. In a line each is served in the time that it takes, and the store is left to those who are here.
//!
//! A client that does not read what it missed gives its turn up: it would hold it for as long as it likes.

use plaza_protocol::{Code, Error};
use plaza_socketio::Refusal;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// When those who find the line full are told to come again, and who stood in it for too long.
const AGAIN: Duration = Duration::from_secs(2);

/// How many may come in, and wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalSettings {
    /// Clients that are brought in at the same time.
    pub at_once: usize,
    /// Clients that may wait for that.
    pub line: usize,
    /// How long each may wait.
    pub patience: Duration,
}

/// The line before the door.
#[derive(Debug)]
pub(super) struct Arrivals {
    settings: ArrivalSettings,
    door: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Held while a client is brought in.
#[derive(Debug)]
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
}

impl Arrivals {
    pub(super) fn new(settings: ArrivalSettings) -> Self {
        let door = Arc::new(Semaphore::new(settings.at_once));
        Self { settings, door, waiting: AtomicUsize::new(0) }
    }

    /// How many stand in line.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether one more may open a session: it will soon stand in line.
    ///
    /// # Errors
    /// 503, with which a proxy tries the next node.
    pub(super) fn room(&self) -> Result<(), Refusal> {
        if self.waiting() < self.settings.line {
            return Ok(());
        }
        Err(Refusal::unavailable("Too many clients are coming in.").retry_after(AGAIN))
    }

    /// Waits for a turn, in the order in which clients asked.
    ///
    /// # Errors
    /// `busy` where the line is full, or the wait was too long.
    pub(super) async fn turn(&self) -> Result<Turn, Error> {
        if let Ok(place) = Arc::clone(&self.door).try_acquire_owned() {
            return Ok(Turn { _place: place });
        }
        let _waits = self.stand_in_line().ok_or_else(busy)?;
        match timeout(self.settings.patience, Arc::clone(&self.door).acquire_owned()).await {
            Ok(Ok(place)) => Ok(Turn { _place: place }),
            // Too long; the door is never closed.
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    fn stand_in_line(&self) -> Option<Waits<'_>> {
        let line = self.settings.line;
        let more = |waiting| (waiting < line).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Waits(&self.waiting))
    }
}

/// Counted while it stands in line, also where it gives up.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy() -> Error {
    let message = "Too many clients are coming in. Try again in a moment.";
    let again = u64::try_from(AGAIN.as_millis()).unwrap_or(u64::MAX);
    Error::new(Code::Busy, message).retry_after_ms(again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn arrivals(line: usize, patience: Duration) -> Arrivals {
        Arrivals::new(ArrivalSettings { at_once: 1, line, patience })
    }

    #[tokio::test]
    async fn turns_are_given_in_the_order_of_the_line() {
        let arrivals = arrivals(2, Duration::from_secs(60));
        let first = arrivals.turn().await.unwrap();
        let (mut second, mut third) = (Box::pin(arrivals.turn()), Box::pin(arrivals.turn()));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        assert_eq!(arrivals.waiting(), 2);
        assert!(arrivals.room().is_err(), "the line is full");
        let refused = arrivals.turn().await.unwrap_err();
        assert_eq!(
            (refused.code, refused.retry_after_ms, refused.retryable),
            (Code::Busy, Some(2_000), true)
        );
        drop(first);
        let second = (&mut second).now_or_never().unwrap().unwrap();
        assert!((&mut third).now_or_never().is_none());
        assert_eq!(arrivals.waiting(), 1);
        arrivals.room().unwrap();
        drop(second);
        third.await.unwrap();
        assert_eq!(arrivals.waiting(), 0);
    }

    #[tokio::test]
    async fn who_waits_too_long_or_goes_makes_room() {
        let arrivals = arrivals(1, Duration::from_millis(20));
        let _first = arrivals.turn().await.unwrap();
        let mut gone = Box::pin(arrivals.turn());
        assert!((&mut gone).now_or_never().is_none());
        drop(gone);
        assert_eq!(arrivals.waiting(), 0);
        assert_eq!(arrivals.turn().await.unwrap_err().code, Code::Busy);
        assert_eq!(arrivals.waiting(), 0);
    }
}
