//! What is pending for a client goes out in one system call.

use crate::support::{Client, one, soon};
use plaza_socketio::{Config, Handlers, SocketIo};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// A TCP stream that counts what would be system calls.
struct Counting(TcpStream, Arc<AtomicUsize>);

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Serves one connection over a stream that is not hyper's usual one, which is how TLS comes in as well.
async fn serve_one(io: SocketIo, listener: TcpListener, writes: Arc<AtomicUsize>) {
    use hyper_util::{rt::TokioIo, service::TowerToHyperService};
    let (stream, _) = listener.accept().await.unwrap();
    let stream = TokioIo::new(Counting(stream, writes));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(stream, TowerToHyperService::new(io));
    connection.with_upgrades().await.unwrap();
}

#[tokio::test]
async fn many_frames_leave_in_few_writes() {
    let handlers = Handlers::default().on("burst", |socket, event| async move {
        let (frames, bytes) = event.payload.args::<(u32, usize)>().unwrap();
        for number in 0..frames {
            socket.emit("drop", &(number, "x".repeat(bytes))).unwrap();
        }
    });
    let writes = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve_one(one(Config::default(), handlers), listener, Arc::clone(&writes)));
    let mut client = soon("a session", Client::open_at(addr)).await;
    client.enter("40").await;

    // Short frames are copied together, as many as there are up to 64 kB. Long ones are listed, up to 64.
    for (frames, bytes, calls) in [(20, 1, 1), (64, 1, 1), (100, 1, 1), (3, 5_000, 1)] {
        let before = writes.load(Ordering::SeqCst);
        client.send(&format!(r#"42["burst",{frames},{bytes}]"#)).await;
        let text = "x".repeat(bytes);
        for number in 0..frames {
            assert_eq!(client.text().await, format!(r#"42["drop",{number},"{text}"]"#));
        }
        assert_eq!(writes.load(Ordering::SeqCst) - before, calls, "for {frames} frames of {bytes}");
    }
}
