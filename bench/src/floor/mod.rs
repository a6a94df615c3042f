//! The floor: what the small application costs where nothing is done but what the kernel needs to be told.
//!
//! One thread and one epoll. A message becomes a frame once; every member's connection takes a reference to it; when all
//! that could be read has been, each connection that has something is written to with one call. It believes its clients:
//! no JSON is parsed, no heartbeat kept, no limit held. So it is no server to use, but what one can be measured by.

mod connection;
mod event;

use crate::wire::{
    handshake,
    packet::event_of_client,
    websocket::{self, CLOSE, TEXT, apply_mask, push_from_server},
};
use anyhow::{Context, Result, anyhow};
use connection::{Connection, Written};
use event::Asked;
use rustix::{
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    fd::OwnedFd,
};
use std::{
    collections::HashMap,
    io::{ErrorKind, Write},
    net::TcpListener,
    rc::Rc,
};

/// The key of the listener in epoll.
const LISTENER: u64 = u64::MAX;
/// As much is read of one connection in one turn.
const READ: usize = 64 << 10;

/// Serves until it is killed.
///
/// # Errors
/// Where epoll fails.
pub fn serve(listener: &TcpListener) -> Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut floor = Floor {
        epoll,
        connections: Vec::new(),
        free: Vec::new(),
        rooms: Rooms::default(),
        dirty: Vec::new(),
    };
    let (mut events, mut buffer, mut scratch) = (Vec::with_capacity(1024), vec![0; READ], Vec::new());
    loop {
        events.clear();
        match epoll::wait(&floor.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let (data, flags) = (event.data.u64(), event.flags);
            match usize::try_from(data) {
                _ if data == LISTENER => floor.accept(listener)?,
                Ok(index) => floor.ready(index, flags, &mut buffer)?,
                Err(_) => {}
            }
        }
        floor.flush(&mut scratch)?;
    }
}

/// The members of every room.
#[derive(Default)]
struct Rooms {
    numbers: HashMap<Vec<u8>, usize>,
    members: Vec<Vec<usize>>,
}

impl Rooms {
    fn number(&mut self, name: &[u8]) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.numbers.insert(name.to_vec(), self.members.len());
        self.members.push(Vec::new());
        self.members.len() - 1
    }
}

struct Floor {
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    rooms: Rooms,
    /// Who has something to be written.
    dirty: Vec<usize>,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("nothing can be accepted"),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            self.connections[index] = Some(Connection::new(stream));
        }
    }

    fn ready(&mut self, index: usize, flags: EventFlags, buffer: &mut [u8]) -> Result<()> {
        if flags.contains(EventFlags::OUT) {
            self.dirty.push(index);
        }
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        let Some(filled) = connection.read(buffer) else {
            self.end(index);
            return Ok(());
        };
        let mut at = 0;
        if !connection.upgraded {
            let Some(end) = handshake::head_end(&buffer[..filled]) else {
                connection.keep(&buffer[..filled]);
                return Ok(());
            };
            at = end;
            connection.upgraded = true;
            connection.stream.write_all(&handshake::answer())?;
            let open = frame(br#"0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#);
            connection.stream.write_all(&open)?;
        }
        while let Some(frame) = websocket::read(&buffer[at..filled]).map_err(|bad| anyhow!("{bad:?}"))? {
            let payload = &mut buffer[at..filled][frame.payload.clone()];
            at += frame.payload.end;
            if let Some(mask) = frame.mask {
                apply_mask(payload, mask);
            }
            match frame.opcode {
                TEXT => self.handle(index, payload),
                CLOSE => {
                    self.end(index);
                    return Ok(());
                }
                _ => {}
            }
        }
        if let Some(connection) = &mut self.connections[index] {
            connection.keep(&buffer[at..filled]);
        }
        Ok(())
    }

    fn handle(&mut self, index: usize, text: &[u8]) {
        if text.starts_with(b"40") {
            self.push(index, &frame(br#"40{"sid":"floor"}"#));
        }
        let Some((ack, array)) = event_of_client(text) else { return };
        match event::asked(array) {
            Some(Asked::Join { room }) => {
                let number = self.rooms.number(room);
                self.rooms.members[number].push(index);
                if let Some(connection) = &mut self.connections[index] {
                    connection.rooms.push(number);
                }
                self.push(index, &event::done(ack));
            }
            Some(Asked::Message { room, text, t0 }) => {
                let message = event::message(room, text, t0);
                let number = self.rooms.number(room);
                for member in &self.rooms.members[number] {
                    push(&mut self.connections, &mut self.dirty, *member, &message);
                }
                self.push(index, &event::done(ack));
            }
            Some(Asked::Echo { text }) => self.push(index, &event::echo(ack, text)),
            None => {}
        }
    }

    fn push(&mut self, index: usize, frame: &Rc<[u8]>) {
        push(&mut self.connections, &mut self.dirty, index, frame);
    }

    fn flush(&mut self, scratch: &mut Vec<u8>) -> Result<()> {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            let Some(connection) = &mut self.connections[index] else { continue };
            let flags = match connection.write(scratch) {
                Written::All { blocked_before: false } => continue,
                Written::All { blocked_before: true } => EventFlags::IN,
                Written::Part => EventFlags::IN | EventFlags::OUT,
                Written::Failed => {
                    self.end(index);
                    continue;
                }
            };
            epoll::modify(&self.epoll, &connection.stream, EventData::new_u64(index as u64), flags)?;
        }
        self.dirty = dirty;
        Ok(())
    }

    fn end(&mut self, index: usize) {
        let Some(connection) = self.connections[index].take() else { return };
        for room in connection.rooms {
            self.rooms.members[room].retain(|member| *member != index);
        }
        self.free.push(index);
    }
}

fn push(connections: &mut [Option<Connection>], dirty: &mut Vec<usize>, index: usize, frame: &Rc<[u8]>) {
    let Some(connection) = &mut connections[index] else { return };
    if connection.pending.is_empty() {
        dirty.push(index);
    }
    connection.pending.push(Rc::clone(frame));
}

/// A text frame.
fn frame(payload: &[u8]) -> Rc<[u8]> {
    let mut frame = Vec::with_capacity(payload.len() + 4);
    push_from_server(&mut frame, TEXT, payload);
    frame.into()
}
