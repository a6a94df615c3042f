//! A server on a port of its own.

use plaza_socketio::{Config, Handlers, Namespace, Patience, SocketIo, serve_with};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Small enough that a client which does not read is felt after some kilobytes.
const SMALL: u32 = 16 * 1024;

pub(crate) struct Server {
    pub(crate) io: SocketIo,
    pub(crate) addr: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<io::Result<()>>,
}

/// A server with one namespace, `/`.
pub(crate) fn one(config: Config, handlers: Handlers) -> SocketIo {
    SocketIo::builder(config).namespace("/", handlers).build()
}

impl Server {
    pub(crate) fn start(io: SocketIo) -> Self {
        Self::on(listener(None), io, Patience::default())
    }

    /// The kernel takes little of what a client does not read.
    pub(crate) fn start_with_small_buffers(io: SocketIo) -> Self {
        Self::on(listener(Some(SMALL)), io, Patience::default())
    }

    /// With a patience of its own for what speaks HTTP.
    pub(crate) fn start_with(io: SocketIo, patience: Patience) -> Self {
        Self::on(listener(None), io, patience)
    }

    fn on(listener: TcpListener, io: SocketIo, patience: Patience) -> Self {
        let addr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving =
            tokio::spawn(serve_with(listener, io.clone(), patience, stop.clone().cancelled_owned()));
        Self { io, addr, stop, serving }
    }

    /// The namespace `/`.
    pub(crate) fn root(&self) -> Arc<Namespace> {
        self.io.of("/").unwrap()
    }
}

fn listener(buffers: Option<u32>) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(bytes) = buffers {
        // A connection inherits it.
        socket.set_send_buffer_size(bytes).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(1024).unwrap()
}
