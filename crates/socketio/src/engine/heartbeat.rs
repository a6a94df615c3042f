//! The server's pings, the pongs it waits for, and the patience it has with a connection that takes nothing.

use super::{
    close::CloseReason,
    frame::{Frame, PING},
    session::Session,
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::coop::has_budget_remaining,
    time::{Instant, Sleep, sleep_until},
};

/// One timer a session, for whichever is due first.
pub(super) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    due: Instant,
    awaiting_pong: bool,
    /// Nothing is read from the client, so no pong can be seen.
    deaf: bool,
    timer: Pin<Box<Sleep>>,
    /// When the timer wakes the session's task, if it does.
    armed: Option<Instant>,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        let due = Instant::now() + interval;
        let timer = Box::pin(sleep_until(due));
        Self { interval, timeout, due, awaiting_pong: false, deaf: false, timer, armed: None }
    }

    /// The pong is here: the next ping comes an interval from now.
    pub(super) fn pong(&mut self) {
        self.awaiting_pong = false;
        self.due = Instant::now() + self.interval;
    }

    /// To be told whether anything is read from the client at the moment. The time for its pong begins anew when
    /// it is read again: until then its silence is the server's doing.
    pub(super) fn listening(&mut self, listening: bool) {
        if self.deaf && listening && self.awaiting_pong {
            self.due = Instant::now() + self.timeout;
        }
        self.deaf = !listening;
    }

    /// Pings when it is time; ready when the client has not answered, or since `stalled_since` taken nothing,
    /// for the timeout. `now`, if it is known, spares a look at the timer.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        session: &Arc<Session>,
        stalled_since: Option<Instant>,
        now: Option<Instant>,
    ) -> Poll<CloseReason> {
        let patience_ends = stalled_since.map(|since| since + self.timeout);
        loop {
            let next = patience_ends.map_or(self.due, |end| end.min(self.due));
            if let (Some(now), Some(armed)) = (now, self.armed)
                && now < armed
                && armed <= next
            {
                return Poll::Pending;
            }
            // A timer that fires early costs one look; moving it at every pong would cost more.
            if next < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(next);
            }
            self.armed = None;
            if self.timer.as_mut().poll(cx).is_pending() {
                // Pending may also mean that the task has had its share and the timer was not even looked at.
                self.armed = has_budget_remaining().then(|| self.timer.deadline());
                return Poll::Pending;
            }
            let now = Instant::now();
            if patience_ends.is_some_and(|end| end <= now) {
                return Poll::Ready(CloseReason::SlowConsumer);
            }
            if self.due <= now {
                if self.awaiting_pong && self.deaf {
                    self.due = now + self.timeout;
                    continue;
                }
                if self.awaiting_pong {
                    return Poll::Ready(CloseReason::PingTimeout);
                }
                self.awaiting_pong = true;
                self.due = now + self.timeout;
                let _ = session.send(&Frame::control(PING).into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, pin::pin};
    use tokio::{
        task::{coop::consume_budget, yield_now},
        time::timeout,
    };

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_client_that_was_not_read_has_the_whole_timeout_again() {
        let session = Session::alone("secret");
        let mut heartbeat = Heartbeat::new(LONG, LONG);
        heartbeat.awaiting_pong = true;
        heartbeat.listening(false);
        heartbeat.due = Instant::now();
        let ended = poll_fn(|cx| heartbeat.poll(cx, &session, None, None));
        assert!(timeout(Duration::from_millis(20), ended).await.is_err());

        heartbeat.due = Instant::now();
        let heard_again = Instant::now();
        heartbeat.listening(true);
        assert!(heartbeat.due >= heard_again + LONG);
        // Once, and not for as long as it is silent.
        heartbeat.due = Instant::now();
        heartbeat.listening(true);
        let ended = poll_fn(|cx| heartbeat.poll(cx, &session, None, None));
        assert_eq!(timeout(LONG, ended).await, Ok(CloseReason::PingTimeout));
    }

    /// A task that has had its share looks at no timer, and is not to believe that one will wake it.
    #[tokio::test]
    async fn a_timer_that_was_not_looked_at_is_looked_at_again() {
        let session = Session::alone("secret");
        let mut heartbeat = Heartbeat::new(LONG, LONG);
        let read = Some(Instant::now());
        poll_fn(|cx| {
            while pin!(consume_budget()).poll(cx).is_ready() {}
            assert!(heartbeat.poll(cx, &session, None, read).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(heartbeat.armed, None);
        yield_now().await;
        poll_fn(|cx| {
            assert!(heartbeat.poll(cx, &session, None, read).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(heartbeat.armed, Some(heartbeat.due));
    }
}
