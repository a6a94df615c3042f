//! A TCP proxy between a client and a server that cuts, delays and swallows.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What becomes of connections now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Pass,
    /// They stay, new ones are taken, and nothing passes.
    Swallow,
    /// All are closed, and new ones at once.
    Cut,
}

/// A proxy on a port of 127.0.0.1. It ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    _until: DropGuard,
}

#[derive(Debug)]
struct Shared {
    mode: watch::Sender<Mode>,
    /// Milliseconds that each piece waits.
    delay: AtomicU64,
    /// Bytes from the server after which all is cut; negative: no such bound.
    left: AtomicI64,
    /// What a client says before all is cut.
    last_words: Mutex<Vec<Vec<u8>>>,
    /// Connections that were cut and pieces that were held up.
    felt: AtomicU64,
    open: AtomicUsize,
}

impl Proxy {
    /// Stands before the server at this port of 127.0.0.1.
    pub async fn before(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (mode, delay, left) = (watch::Sender::new(Mode::Pass), AtomicU64::new(0), AtomicI64::new(-1));
        let (last_words, felt, open) = (Mutex::default(), AtomicU64::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { mode, delay, left, last_words, felt, open });
        let until = CancellationToken::new();
        let (serving, ended) = (shared.clone(), until.clone());
        tokio::spawn(async move {
            let accepting = accept(&listener, server, &serving, &ended);
            ended.run_until_cancelled(accepting).await;
        });
        Ok(Self { port, shared, _until: until.drop_guard() })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often something has come of it so far: connections that were cut, and pieces that were delayed or swallowed.
    pub fn felt(&self) -> u64 {
        self.shared.felt.load(SeqCst)
    }

    /// Connections that there are now.
    pub fn open(&self) -> usize {
        self.shared.open.load(SeqCst)
    }

    /// All passes again. What was held up comes now.
    pub fn pass(&self) {
        self.shared.left.store(-1, SeqCst);
        self.shared.delay.store(0, SeqCst);
        self.shared.mode.send_replace(Mode::Pass);
    }

    /// From now on nothing passes, and nobody is told: as if a cable were pulled.
    pub fn swallow(&self) {
        self.shared.mode.send_replace(Mode::Swallow);
    }

    /// Closes all connections, and new ones at once.
    pub fn cut(&self) {
        self.shared.mode.send_replace(Mode::Cut);
    }

    /// Closes all connections as soon as the server has sent this many bytes more, in the middle of what it says.
    pub fn cut_after(&self, bytes: u32) {
        self.shared.left.store(i64::from(bytes), SeqCst);
    }

    /// Closes all connections as soon as a client has said these on one of them, one after the other, of which the server
    /// hears the last and cannot answer it any more. Each must come in one piece.
    pub fn cut_at(&self, words: &[&[u8]]) {
        *self.shared.last_words() = words.iter().map(|word| word.to_vec()).collect();
    }

    /// Each piece waits so long before it passes.
    pub fn delay(&self, by: Duration) {
        self.shared.delay.store(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), SeqCst);
    }
}

impl Shared {
    fn feel(&self) {
        self.felt.fetch_add(1, SeqCst);
    }

    fn last_words(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether with this piece the last of the words to cut at was said; then there are none any more. `said` counts them.
    fn are_said(&self, piece: &[u8], said: &mut usize) -> bool {
        let mut words = self.last_words();
        let is_in = |word: &Vec<u8>| piece.windows(word.len()).any(|part| part == word);
        while words.get(*said).is_some_and(is_in) {
            *said += 1;
        }
        let all = !words.is_empty() && *said == words.len();
        if all || words.is_empty() {
            words.clear();
            *said = 0;
        }
        all
    }
}

async fn accept(listener: &TcpListener, server: u16, shared: &Arc<Shared>, until: &CancellationToken) {
    while let Ok((client, _)) = listener.accept().await {
        let (shared, until) = (shared.clone(), until.clone());
        tokio::spawn(async move {
            let mut mode = shared.mode.subscribe();
            let cut = async move { mode.wait_for(|mode| *mode == Mode::Cut).await.is_ok() };
            shared.open.fetch_add(1, SeqCst);
            tokio::select! {
                // First, so that what was swallowed until now does not pass.
                biased;
                _ = cut => shared.feel(),
                _ = carry(client, server, &shared) => {}
                () = until.cancelled() => {}
            }
            shared.open.fetch_sub(1, SeqCst);
        });
    }
}

/// Carries both ways until one side ends.
async fn carry(client: TcpStream, server: u16, shared: &Shared) -> io::Result<()> {
    passes(shared).await;
    let server = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, server))).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        ended = pump(from_client, to_server, shared, false) => ended,
        ended = pump(from_server, to_client, shared, true) => ended,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    shared: &Shared,
    counted: bool,
) -> io::Result<()> {
    let (mut piece, mut said) = (vec![0; 16 * 1024], 0);
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        let delay = shared.delay.load(SeqCst);
        if delay > 0 {
            shared.feel();
            sleep(Duration::from_millis(delay)).await;
        }
        passes(shared).await;
        let left = shared.left.load(SeqCst);
        if counted && left >= 0 {
            let allowed = usize::try_from(left).unwrap_or_default();
            if length >= allowed {
                to.write_all(&piece[..allowed]).await?;
                shared.mode.send_replace(Mode::Cut);
                return Ok(());
            }
            shared.left.store(left - i64::try_from(length).unwrap_or(left), SeqCst);
        }
        to.write_all(&piece[..length]).await?;
        if !counted && shared.are_said(&piece[..length], &mut said) {
            shared.mode.send_replace(Mode::Cut);
            return Ok(());
        }
    }
}

/// Waits while everything is swallowed.
async fn passes(shared: &Shared) {
    let mut mode = shared.mode.subscribe();
    if *mode.borrow() == Mode::Swallow {
        shared.feel();
    }
    // Its sender lives in what is borrowed here.
    let _ = mode.wait_for(|mode| *mode != Mode::Swallow).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    async fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        port
    }

    async fn say(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn it_passes_swallows_and_cuts() {
        let proxy = Proxy::before(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert_eq!(say(&mut stream, b"hello").await.unwrap(), b"hello");
        proxy.swallow();
        assert!(timeout(Duration::from_millis(100), say(&mut stream, b"lost?")).await.is_err());
        proxy.pass();
        assert_eq!(proxy.felt(), 1);
        let mut held = [0; 5];
        stream.read_exact(&mut held).await.unwrap();
        assert_eq!(&held, b"lost?");
        proxy.cut_after(2);
        stream.write_all(b"hello").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"he");
        proxy.pass();
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        assert_eq!(say(&mut stream, b"again").await.unwrap(), b"again");
        proxy.cut();
        assert!(say(&mut stream, b"gone").await.is_err());
        assert_eq!((proxy.felt(), proxy.open()), (2, 0));
        proxy.pass();
        let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
        proxy.cut_at(&[b"the", b"last"]);
        assert_eq!(say(&mut stream, b"at last").await.unwrap(), b"at last");
        assert_eq!(say(&mut stream, b"the").await.unwrap(), b"the");
        stream.write_all(b"last").await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap_or_default(), 0);
    }
}
