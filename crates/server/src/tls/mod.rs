//! TLS: this node's certificate, and the handshake with a client.
//!
//! The certificate is read at the start, and again whenever its files have changed, so that one that is renewed every
//! few weeks needs no restart. A client that comes then gets the new one; those that are here keep their connections. One
//! that cannot be used changes nothing.

mod certificate;
mod stream;

pub(crate) use stream::Secured;

use crate::config;
use certificate::{Fingerprint, load};
use rustls::ServerConfig;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::watch,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::TlsAcceptor;

pub use certificate::TlsError;

/// The first byte of every TLS connection: a record of the handshake (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// This node's TLS. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Tls {
    settings: Arc<config::Tls>,
    /// What the files were like when they were read.
    read: Fingerprint,
    current: watch::Sender<Arc<ServerConfig>>,
}

/// What a connection turned out to be.
pub(crate) enum Entered {
    /// TLS, and its handshake is done.
    Secured(Box<Secured>),
    /// Something else, most likely HTTP; nothing of it has been read.
    Plain(TcpStream),
}

impl Tls {
    /// Reads the certificate and its key. `None`: none are configured.
    ///
    /// # Errors
    /// Why they cannot be used, in one sentence.
    pub fn load(settings: &config::Tls) -> Result<Option<Self>, TlsError> {
        if !settings.is_on() {
            return Ok(None);
        }
        // First, so that a change while they are read is noticed.
        let read = Fingerprint::of(settings);
        let current = watch::Sender::new(Arc::new(load(settings)?));
        Ok(Some(Self { settings: Arc::new(settings.clone()), read, current }))
    }

    /// Does the handshake with one who has just connected.
    ///
    /// # Errors
    /// The connection's, the handshake's, and [`io::ErrorKind::TimedOut`] for a client that takes too long.
    pub(crate) async fn enter(&self, stream: TcpStream) -> io::Result<Entered> {
        let entering = async {
            let mut first = [0];
            match stream.peek(&mut first).await? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                _ if first[0] != HANDSHAKE_RECORD => Ok(Entered::Plain(stream)),
                _ => {
                    let acceptor = TlsAcceptor::from(Arc::clone(&self.current.borrow()));
                    Ok(Entered::Secured(Box::new(Secured(acceptor.accept(stream).await?))))
                }
            }
        };
        timeout(self.settings.handshake_timeout(), Box::pin(entering)).await?
    }

    /// Looks again and again whether the files have changed, and takes what they hold then. It never ends by itself.
    pub(crate) async fn follow(&self) {
        let mut looks = interval(self.settings.reload().max(Duration::from_millis(1)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = self.read.clone();
        let mut seen = taken.clone();
        loop {
            looks.tick().await;
            let Some(now) = self.aside(Fingerprint::of).await else { continue };
            // One that is written while we look is left alone until it has come to rest, and so are two files of which
            // one is new already.
            if now != seen {
                seen = now;
            } else if now != taken {
                taken = now;
                self.reload().await;
            }
        }
    }

    async fn reload(&self) {
        match self.aside(load).await {
            Some(Ok(config)) => {
                self.current.send_replace(Arc::new(config));
                tracing::info!(
                    cert = %self.settings.cert.display(),
                    "The certificate has changed: who connects from now on gets the new one"
                );
            }
            Some(Err(error)) => {
                tracing::error!(%error, "The new certificate is not used, and the one of before still is");
            }
            None => {}
        }
    }

    /// Does what may wait for a disk where nobody else waits. `None`: the runtime is ending.
    async fn aside<T: Send + 'static>(&self, work: fn(&config::Tls) -> T) -> Option<T> {
        let settings = Arc::clone(&self.settings);
        spawn_blocking(move || work(&settings)).await.ok()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("cert", &self.settings.cert).finish_non_exhaustive()
    }
}
