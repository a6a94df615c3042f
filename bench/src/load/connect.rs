//! Opens connections, some at a time and blocking, up to the namespace being connected.

use super::dialect::Dialect;
use crate::wire::{
    handshake,
    packet::{FromServer, from_server},
    websocket::{self, TEXT, push_from_client},
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// So many at once: enough to keep a server busy, few enough for its backlog.
const AT_ONCE: usize = 32;
/// A server that needs longer for one step has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A connection whose namespace is connected, and what was read of it beyond that.
pub(crate) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) read: Vec<u8>,
}

/// Opens `count` connections, dealt out to the addresses in turn, and hands them on as they come.
pub(super) fn connect(
    addresses: &[SocketAddr],
    dialect: Dialect,
    count: u32,
    mut take: impl FnMut(Vec<Connected>) -> Result<()>,
) -> Result<()> {
    let users: Vec<usize> = (0..count as usize).collect();
    for some in users.chunks(AT_ONCE) {
        let begun = some.iter().map(|user| begin(addresses[user % addresses.len()]));
        let mut connections = begun.collect::<Result<Vec<_>>>()?;
        for (connection, user) in connections.iter_mut().zip(some) {
            connection.upgraded().with_context(|| format!("connection {user} was not upgraded"))?;
            connection.wait_for(&FromServer::Open)?;
            connection.send(dialect.connect(*user).as_bytes())?;
        }
        for (connection, user) in connections.iter_mut().zip(some) {
            connection
                .wait_for(&FromServer::Connected)
                .with_context(|| format!("user {user} was not let in"))?;
        }
        take(connections)?;
    }
    Ok(())
}

fn begin(address: SocketAddr) -> Result<Connected> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("nothing listens on {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&handshake::request(&address.to_string()))?;
    Ok(Connected { stream, read: Vec::new() })
}

impl Connected {
    /// One connection, up to where the namespace may be asked for.
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let mut connected = begin(address)?;
        connected.upgraded()?;
        connected.wait_for(&FromServer::Open)?;
        Ok(connected)
    }

    fn upgraded(&mut self) -> Result<()> {
        loop {
            if let Some(end) = handshake::head_end(&self.read) {
                let head: Vec<u8> = self.read.drain(..end).collect();
                ensure!(handshake::accepted(&head), "{}", String::from_utf8_lossy(&head));
                return Ok(());
            }
            self.more()?;
        }
    }

    /// Reads until the awaited packet has come; what comes before it is of no interest.
    fn wait_for(&mut self, awaited: &FromServer<'_>) -> Result<()> {
        loop {
            match from_server(&self.next()?) {
                FromServer::Ended(why) => bail!("refused: {}", String::from_utf8_lossy(why)),
                packet if packet == *awaited => return Ok(()),
                _ => {}
            }
        }
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(frame) = websocket::read(&self.read).map_err(|bad| anyhow::anyhow!("{bad:?}"))? {
                let message: Vec<u8> =
                    self.read.drain(..frame.payload.end).skip(frame.payload.start).collect();
                ensure!(frame.opcode == TEXT, "opcode {}", frame.opcode);
                return Ok(message);
            }
            self.more()?;
        }
    }

    pub(crate) fn send(&mut self, text: &[u8]) -> Result<()> {
        let mut frame = Vec::new();
        push_from_client(&mut frame, TEXT, text, MASK);
        Ok(self.stream.write_all(&frame)?)
    }

    fn more(&mut self) -> Result<()> {
        let mut buffer = [0; 16 << 10];
        let read = self.stream.read(&mut buffer).context("the server took too long")?;
        ensure!(read > 0, "the server closed the connection");
        self.read.extend_from_slice(&buffer[..read]);
        Ok(())
    }
}
