//! Writes what has come to wait for clients on WebSockets since it last did.
//!
//! Who is sent to is marked, once; then whoever else is ready on this worker has some turns, and what they have to say to the same
//! clients goes out with it, in one system call a client. So under load a write carries many messages, and without it is
//! not late: where nothing else is ready the flusher's turn is at once, and so it is where much waits for one client. No
//! task of a receiver's is woken for what is written to it. Only what a client is answered in its own task's turn that task
//! writes itself, so that who waits for an answer can go on.

use super::{CloseReason, session::Session};
use std::{
    future::poll_fn,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};
use tokio::{
    runtime::Handle,
    task::{coop::unconstrained, yield_now},
};

/// Clients written to in one go, before others have their turn.
const CLIENTS: usize = 256;

/// Turns that whoever is ready on this worker has before the flusher writes. More of them, and writes carry no more, but are later.
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
    /// The flusher, while others have their turns: they may be many, and have them on another worker than who sends.
    waiting: Option<Waker>,
    /// Somebody was marked who is to be written to before that.
    hurry: bool,
    ended: bool,
}

/// How many threads have marked somebody.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Which of them this is.
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
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

    /// Has a session flushed soon; in a hurry before others have their turns, also where another worker has marked it already.
    pub(super) fn mark(&self, session: &Arc<Session>, hurry: bool) {
        let Some(lanes) = self.lanes.get() else { return };
        lanes[lane_of_thread(lanes.len())].mark(Arc::clone(session), hurry);
    }
}

impl Drop for Flushers {
    fn drop(&mut self) {
        self.lanes.get().into_iter().flatten().for_each(|lane| lane.end());
    }
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, State> {
        // One statement changes it, so a poisoned lock holds no half-done change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, session: Arc<Session>, hurry: bool) {
        let flusher = {
            let mut state = self.lock();
            if state.ended {
                return;
            }
            state.marked.push(session);
            state.hurry |= hurry;
            let waiting = state.waiting.take_if(|_| hurry);
            state.flusher.take().or(waiting)
        };
        flusher.into_iter().for_each(Waker::wake);
    }

    /// Nobody is written to any more. Those marked are let go of: they hold what holds this.
    fn end(&self) {
        let (marked, flusher) = {
            let mut state = self.lock();
            state.ended = true;
            let waiting = state.waiting.take();
            (mem::take(&mut state.marked), state.flusher.take().or(waiting))
        };
        drop(marked);
        flusher.into_iter().for_each(Waker::wake);
    }

    async fn flush(self: Arc<Self>) {
        // Also where the runtime ends it.
        let lane = Ending(self);
        let lane = &lane.0;
        let mut sessions = Vec::new();
        while lane.somebody().await {
            for _ in 0..TURNS {
                tokio::select! {
                    biased;
                    () = lane.hurried() => break,
                    () = yield_now() => {}
                }
            }
            {
                let mut state = lane.lock();
                mem::swap(&mut state.marked, &mut sessions);
                (state.waiting, state.hurry) = (None, false);
            }
            while sessions.len() > CLIENTS {
                // Other workers take these over, if they have nothing to do.
                let some = sessions.split_off(sessions.len() - CLIENTS);
                tokio::spawn(unconstrained(async move { some.iter().for_each(flush) }));
            }
            sessions.drain(..).for_each(|session| flush(&session));
        }
    }

    /// Waits until somebody is in a hurry.
    async fn hurried(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.hurry {
                return Poll::Ready(());
            }
            state.waiting.get_or_insert_with(|| cx.waker().clone());
            Poll::Pending
        })
        .await;
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

/// Threads in turn, so that each worker has one of its own.
fn lane_of_thread(lanes: usize) -> usize {
    THREAD.with(|own| *own) % lanes
}

/// Ends its lane when it is dropped.
struct Ending(Arc<Lane>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Writes to one. What goes wrong with it is no harm to those behind it.
fn flush(session: &Arc<Session>) {
    if catch_unwind(AssertUnwindSafe(|| session.flush())).is_err() {
        tracing::error!("writing to a client panicked; it is disconnected");
        // What panicked once would do so again when its task says goodbye.
        drop(session.end_websocket());
        session.close_with(CloseReason::TransportError);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Frame, Io, queue::Queue, websocket::WebSocket},
        http_stream::Stream,
    };
    use bytes::Bytes;
    use std::{collections::HashSet, io, pin::Pin, task::Context, thread, time::Duration};
    use tokio::{
        io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn each_worker_has_a_lane_of_its_own() {
        for workers in [2, 3, 4, 8] {
            let threads: Vec<_> =
                (0..workers).map(|_| thread::spawn(move || lane_of_thread(workers))).collect();
            let lanes: HashSet<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(lanes.len(), workers);
        }
    }

    /// A stream that cannot be written to.
    struct Panics(TcpStream);

    impl Stream for Panics {
        fn tcp(&self) -> &TcpStream {
            &self.0
        }
    }

    impl AsyncRead for Panics {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Panics {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            panic!("it was only a test")
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    /// A session on this connection, whose task never comes.
    fn session(flushers: &Arc<Flushers>, io: Io) -> Arc<Session> {
        let session = Session::flushed_by("secret", 1 << 26, flushers);
        session.begin_websocket(WebSocket::new(io, &Bytes::new(), None).wire, Waker::noop().clone());
        session.end_turn();
        session
    }

    #[tokio::test]
    async fn one_whose_connection_panics_is_ended_and_those_behind_it_are_written_to() {
        let flushers = Arc::<Flushers>::default();
        flushers.start();
        let ((broken, _there), (sound, mut client)) = (pair().await, pair().await);
        let broken = session(&flushers, Io::Over(Box::new(Panics(broken))));
        let sound = session(&flushers, Io::Tcp(sound));
        let mut received = [0; 7];
        for _ in 0..2 {
            let _ = broken.send(&Frame::binary(b"hello").into());
            sound.send(&Frame::binary(b"hello").into()).unwrap();
            timeout(LONG, client.read_exact(&mut received)).await.unwrap().unwrap();
            assert_eq!(&received[2..], b"hello");
        }
        assert_eq!(broken.outbox.closing(), Some(CloseReason::TransportError));
        assert!(broken.end_websocket().is_none(), "its connection is gone with it");
    }

    /// A worker that has much to do would let a sender on another fill an outbox past its bound.
    #[tokio::test]
    async fn much_that_waits_is_written_before_others_have_their_turns() {
        let flushers = Arc::<Flushers>::default();
        flushers.start();
        let (io, _client) = pair().await;
        let session = session(&flushers, Io::Tcp(io));
        session.outbox.end_turn(&mut Queue::default());
        let all = session.free();
        session.send(&Frame::binary(b"hello").into()).unwrap();
        yield_now().await;
        assert!(session.free() < all, "written without a turn for others");
        session.send(&Frame::binary(&vec![7; 1 << 16]).into()).unwrap();
        yield_now().await;
        assert_eq!(session.free(), all);
    }

    /// What is sent while a connection takes nothing is left to the session's task by the flusher, and not forgotten by it.
    #[tokio::test]
    async fn what_comes_while_a_connection_takes_nothing_goes_out_when_it_does() {
        let flushers = Arc::<Flushers>::default();
        flushers.start();
        let (io, mut client) = pair().await;
        let session = session(&flushers, Io::Tcp(io));
        let large = Frame::binary(&vec![7; 16 << 20]);
        let last = Frame::binary(b"last");
        session.send(&large.clone().into()).unwrap();
        let flushed = async {
            while session.end_turn().is_none() {
                yield_now().await;
            }
            session.send(&last.clone().into()).unwrap();
            for _ in 0..10 * TURNS {
                yield_now().await;
            }
        };
        timeout(LONG, flushed).await.unwrap();
        let task = tokio::spawn({
            let session = Arc::clone(&session);
            poll_fn(move |cx| {
                let _ = session.outbox.poll_turn(cx);
                let _ = session.poll_read(cx, &mut ReadBuf::new(&mut [0; 8]));
                session.end_turn();
                Poll::<()>::Pending
            })
        });
        let mut received = vec![0; large.wire().len() + last.wire().len()];
        timeout(LONG, client.read_exact(&mut received)).await.unwrap().unwrap();
        assert!(received.ends_with(b"last"));
        task.abort();
    }

    #[test]
    fn sessions_that_are_marked_do_not_outlive_their_runtime() {
        let flushers = Arc::<Flushers>::default();
        let runtime = crate::runtime().worker_threads(1).build().unwrap();
        let session = runtime.block_on(async {
            flushers.start();
            let (io, _client) = pair().await;
            session(&flushers, Io::Tcp(io))
        });
        runtime.shutdown_timeout(LONG);
        session.send(&Frame::binary(b"hello").into()).unwrap();
        assert_eq!(Arc::strong_count(&session), 1);
    }
}
