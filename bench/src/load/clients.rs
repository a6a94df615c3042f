//! All connections behind one epoll: whole messages come out, what the outbox holds goes in.

use super::{connect::Connected, outbox::Outbox};
use crate::wire::{
    packet::{FromServer, PONG as ENGINE_PONG, from_server},
    websocket::{self, CLOSE, PING, PONG, TEXT},
};
use anyhow::{Result, anyhow};
use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::OwnedFd,
};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// As much is read of one connection before the next has its turn.
const READ: usize = 256 << 10;
/// As many connections are asked for at once.
const EVENTS: usize = 1024;

/// Who is told what the connections receive.
pub(super) trait Receive {
    /// A packet other than a ping has come on `connection`, read at `now`.
    fn receive(
        &mut self,
        connection: u32,
        packet: &FromServer<'_>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Result<()>;
}

/// The connections.
pub(super) struct Clients {
    epoll: OwnedFd,
    streams: Vec<Option<TcpStream>>,
    /// Of each, the beginning of a frame whose rest has not come.
    parts: Vec<Vec<u8>>,
    buffer: Vec<u8>,
    events: Vec<Event>,
    pub(super) outbox: Outbox,
}

impl Clients {
    /// None yet.
    pub(super) fn new() -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let (buffer, events) = (vec![0; READ], Vec::with_capacity(EVENTS));
        Ok(Self { epoll, streams: Vec::new(), parts: Vec::new(), buffer, events, outbox: Outbox::new() })
    }

    /// Takes connections in, each with the next number.
    pub(super) fn add(&mut self, connected: Vec<Connected>) -> Result<()> {
        for Connected { stream, read } in connected {
            stream.set_nonblocking(true)?;
            let number = EventData::new_u64(self.streams.len() as u64);
            epoll::add(&self.epoll, &stream, number, EventFlags::IN)?;
            self.streams.push(Some(stream));
            self.parts.push(read);
            self.outbox.waiting.push(Vec::new());
        }
        Ok(())
    }

    /// Sends what waits, waits at most `wait` for something to come, and hands it on.
    pub(super) fn turn(&mut self, wait: Duration, receiver: &mut impl Receive) -> Result<()> {
        self.flush(receiver)?;
        let wait = Timespec { tv_sec: i64::try_from(wait.as_secs())?, tv_nsec: wait.subsec_nanos().into() };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let (connection, flags) = (u32::try_from(event.data.u64())?, event.flags);
            if flags.contains(EventFlags::OUT) {
                self.write(connection, receiver)?;
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.read(connection, receiver)?;
            }
        }
        self.events = events;
        self.flush(receiver)
    }

    /// Writes what waits for every connection that has something.
    pub(super) fn flush(&mut self, receiver: &mut impl Receive) -> Result<()> {
        let mut dirty = std::mem::take(&mut self.outbox.dirty);
        for connection in dirty.drain(..) {
            self.write(connection, receiver)?;
        }
        self.outbox.dirty = dirty;
        Ok(())
    }

    fn write(&mut self, connection: u32, receiver: &mut impl Receive) -> Result<()> {
        let Some(stream) = &mut self.streams[connection as usize] else { return Ok(()) };
        let waiting = &mut self.outbox.waiting[connection as usize];
        let flags = match stream.write(waiting) {
            Ok(written) if written == waiting.len() => {
                waiting.clear();
                return Ok(());
            }
            Ok(written) => {
                waiting.drain(..written);
                EventFlags::IN | EventFlags::OUT
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => EventFlags::IN | EventFlags::OUT,
            Err(_) => return self.end(connection, receiver),
        };
        epoll::modify(&self.epoll, &*stream, EventData::new_u64(connection.into()), flags)?;
        Ok(())
    }

    fn read(&mut self, connection: u32, receiver: &mut impl Receive) -> Result<()> {
        let index = connection as usize;
        let Some(stream) = &mut self.streams[index] else { return Ok(()) };
        let part = &mut self.parts[index];
        let mut filled = part.len();
        if self.buffer.len() < 2 * filled {
            self.buffer.resize(2 * filled, 0);
        }
        self.buffer[..filled].copy_from_slice(part);
        part.clear();
        match stream.read(&mut self.buffer[filled..]) {
            Ok(0) => return self.end(connection, receiver),
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return self.end(connection, receiver),
        }
        let now = Instant::now();
        let mut at = 0;
        while let Some(frame) = websocket::read(&self.buffer[at..filled]).map_err(|bad| anyhow!("{bad:?}"))? {
            let payload = &self.buffer[at..filled][frame.payload.clone()];
            at += frame.payload.end;
            match frame.opcode {
                TEXT => match from_server(payload) {
                    FromServer::Ping => self.outbox.push(connection, ENGINE_PONG),
                    packet => receiver.receive(connection, &packet, now, &mut self.outbox)?,
                },
                PING => self.outbox.push_frame(connection, PONG, payload),
                CLOSE => return self.end(connection, receiver),
                _ => {}
            }
        }
        self.parts[index].extend_from_slice(&self.buffer[at..filled]);
        Ok(())
    }

    fn end(&mut self, connection: u32, receiver: &mut impl Receive) -> Result<()> {
        self.streams[connection as usize] = None;
        self.outbox.waiting[connection as usize].clear();
        receiver.receive(connection, &FromServer::Ended(b"closed"), Instant::now(), &mut self.outbox)
    }
}
