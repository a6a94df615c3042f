//! Writes what has come to wait for clients on WebSockets since it last did.
//!
//! Who is sent to is marked, once; then everybody else who is ready has some turns, and what they have to say to the same
//! clients goes out with it, in one system call a client. So under load a write carries many messages, and without it is
//! not late: where nothing else is ready the flusher's turn is at once. No task of a receiver's is woken for what is
//! written to it. Only what a client is answered in its own task's turn that task writes itself, so that who waits for an
//! answer can go on.

use super::session::Session;
use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Poll, Waker},
};
use tokio::{
    runtime::Handle,
    task::{coop::unconstrained, yield_now},
};

/// Clients written to in one go, before others have their turn.
const CLIENTS: usize = 256;

/// Turns that everybody who is ready has before the flusher writes. More of them, and writes carry no more, but are later.
const TURNS: usize = 3;

/// One for each worker of the runtime, so that those who send do not wait for each other.
#[derive(Default)]
pub(super) struct Flushers {
    lanes: OnceLock<Box<[Arc<Lane>]>>,
}

/// Whom a worker has marked.
#[derive(Default)]
struct Lane {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    marked: Vec<Arc<Session>>,
    /// The flusher, while nobody is marked.
    flusher: Option<Waker>,
    ended: bool,
}

thread_local! {
    /// Its address tells one thread from another.
    static THREAD: u8 = const { 0 };
}

impl Flushers {
    /// To be called before the first session is there, on the runtime that serves them all.
    pub(super) fn start(&self) {
        self.lanes.get_or_init(|| {
            let lanes = || Arc::<Lane>::default();
            let lanes: Box<[_]> = (0..Handle::current().metrics().num_workers()).map(|_| lanes()).collect();
            for lane in &lanes {
                // A connection's budget is for what it reads. What is written here is bounded otherwise.
                tokio::spawn(unconstrained(Arc::clone(lane).flush()));
            }
            lanes
        });
    }

    /// Has a session flushed soon.
    pub(super) fn mark(&self, session: &Arc<Session>) {
        let Some(lanes) = self.lanes.get() else { return };
        let thread = THREAD.with(|own| std::ptr::from_ref(own).addr());
        // The low bits of an address are alike.
        lanes[(thread >> 6) % lanes.len()].mark(Arc::clone(session));
    }
}

impl Drop for Flushers {
    fn drop(&mut self) {
        for lane in self.lanes.get().into_iter().flatten() {
            let flusher = {
                let mut state = lane.lock();
                state.ended = true;
                state.flusher.take()
            };
            flusher.into_iter().for_each(Waker::wake);
        }
    }
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, State> {
        // One statement changes it, so a poisoned lock holds no half-done change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, session: Arc<Session>) {
        let flusher = {
            let mut state = self.lock();
            state.marked.push(session);
            state.flusher.take()
        };
        flusher.into_iter().for_each(Waker::wake);
    }

    async fn flush(self: Arc<Self>) {
        let mut sessions = Vec::new();
        while self.somebody().await {
            for _ in 0..TURNS {
                yield_now().await;
            }
            mem::swap(&mut self.lock().marked, &mut sessions);
            while sessions.len() > CLIENTS {
                // Other workers take these over, if they have nothing to do.
                let some = sessions.split_off(sessions.len() - CLIENTS);
                tokio::spawn(unconstrained(async move { some.iter().for_each(|session| session.flush()) }));
            }
            sessions.drain(..).for_each(|session| session.flush());
        }
    }

    /// Waits until a session is marked; false once all is over.
    async fn somebody(&self) -> bool {
        poll_fn(|cx| {
            let mut state = self.lock();
            match (state.marked.is_empty(), state.ended) {
                (false, _) => Poll::Ready(true),
                (true, true) => Poll::Ready(false),
                (true, false) => {
                    state.flusher = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
