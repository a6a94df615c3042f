//! One guest of Plaza, who asks one thing after the other, or writes some hundred messages at a time.

use crate::{
    load::connect::Connected,
    wire::packet::{FromServer, PONG, from_server},
};
use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;

/// Messages on their way at once while a room is filled.
const IN_FLIGHT: u64 = 256;

/// A connection whose session has begun.
pub(super) struct Client {
    connected: Connected,
    next_ack: u64,
    /// By which the same guest comes again.
    pub(super) token: String,
    /// Of the log, for positions.
    pub(super) epoch: String,
}

impl Client {
    pub(super) fn connect(address: SocketAddr, auth: &str) -> Result<Self> {
        let mut connected = Connected::open(address)?;
        connected.send(format!("40{auth}").as_bytes())?;
        loop {
            let message = connected.next()?;
            match from_server(&message) {
                FromServer::Event(array) if array.starts_with(br#"["session","#) => {
                    let event: serde_json::Value = serde_json::from_slice(array)?;
                    let field = |name: &str| event[1][name].as_str().unwrap_or_default().to_owned();
                    let (token, epoch) = (field("token"), field("epoch"));
                    return Ok(Self { connected, next_ack: 0, token, epoch });
                }
                FromServer::Ended(why) => bail!("not let in: {}", String::from_utf8_lossy(why)),
                _ => {}
            }
        }
    }

    /// Asks, and gives the answer.
    pub(super) fn request(&mut self, event: &str, argument: &str) -> Result<Vec<u8>> {
        let id = self.send(event, argument)?;
        loop {
            if let Some((answered, answer)) = self.ack()?
                && answered == id
            {
                return Ok(answer);
            }
        }
    }

    /// Writes so many messages into a room, and waits until all are acknowledged.
    pub(super) fn fill(&mut self, room: &str, count: u64) -> Result<()> {
        let (mut sent, mut acked) = (0, 0);
        while acked < count {
            while sent < count && sent - acked < IN_FLIGHT {
                let id = self.next_ack;
                let text = "a text of 32 bytes, as in bench/";
                self.send(
                    "message:send",
                    &format!(
                        r#"{{"roomId":"{room}","clientId":"{id}","kind":"text","body":{{"text":"{text}"}}}}"#
                    ),
                )?;
                sent += 1;
            }
            acked += u64::from(self.ack()?.is_some());
        }
        Ok(())
    }

    fn send(&mut self, event: &str, argument: &str) -> Result<u64> {
        let id = self.next_ack;
        self.next_ack += 1;
        self.connected.send(format!(r#"42{id}["{event}",{argument}]"#).as_bytes())?;
        Ok(id)
    }

    /// Of the next message: which request it answers, and how. What else comes is passed over.
    fn ack(&mut self) -> Result<Option<(u64, Vec<u8>)>> {
        let message = self.connected.next()?;
        match from_server(&message) {
            FromServer::Ping => self.connected.send(PONG)?,
            FromServer::Ended(why) => bail!("ended: {}", String::from_utf8_lossy(why)),
            FromServer::Ack(id, answer) => {
                let start = answer.get(..12).context("no answer is as short")?;
                ensure!(start == br#"[{"ok":true,"#, "{}", String::from_utf8_lossy(answer));
                return Ok(Some((id, answer.to_vec())));
            }
            _ => {}
        }
        Ok(None)
    }
}
