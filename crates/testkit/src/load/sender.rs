//! What guests ask of the server, again and again until they are answered, and what they are answered.

use super::{guest::Who, observer::Reached};
use crate::{
    audit::{Ask, Asked, Sent},
    program::DEADLINE,
};
use anyhow::{Context as _, bail};
use plaza_client::{Client, Request, RequestError};
use plaza_protocol::{ClientId, Code, JoinRoom, LeaveRoom, RoomId, SentMessage};
use rand::{Rng as _, RngExt as _, rngs::StdRng};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Bytes of a long text.
const LONG: usize = 4_000;
/// Between long texts while nobody is to be made slow by them.
const LEISURE: Duration = Duration::from_millis(200);
/// Longest that anything is tried again.
const PATIENCE: Duration = DEADLINE.saturating_mul(2);

/// One lane of a guest's messages, one at a time.
pub(super) struct Sender {
    pub(super) who: Who,
    pub(super) client: Client,
    pub(super) reached: watch::Receiver<Reached>,
    pub(super) rooms: Vec<RoomId>,
    pub(super) long: bool,
    pub(super) rng: StdRng,
}

impl Sender {
    pub(super) async fn run(mut self, lane: usize) -> anyhow::Result<Vec<Sent>> {
        let mut all = Vec::new();
        let shared = self.who.shared.clone();
        for number in 0.. {
            if shared.enough.is_cancelled() {
                break;
            }
            if self.long && *shared.pausing.borrow() == 0 {
                sleep(LEISURE).await;
            }
            let room = self.rooms[self.rng.random_range(0..self.rooms.len())].clone();
            let client_id: ClientId = format!("{}-{lane}-{number}", self.who.name).parse()?;
            let text = self.text(&client_id);
            let after = self.reached.borrow().get(&room).copied().unwrap_or(0);
            let mut answers = vec![self.send(&room, &client_id, &text).await?];
            shared.acked.fetch_add(1, Ordering::Relaxed);
            if room == shared.crowded {
                shared.written.send_modify(|bytes| *bytes += text.len() as u64);
            }
            // Once more, as a client does whose acknowledgement was lost: it must be given the first one again.
            if self.rng.random_ratio(1, 20) {
                answers.push(self.send(&room, &client_id, &text).await?);
            }
            let (client, user) = (self.who.name.clone(), self.who.user.clone());
            all.push(Sent { client, user, room, client_id, text, after, answers });
        }
        Ok(all)
    }

    fn text(&mut self, client_id: &ClientId) -> String {
        let padding = if self.long { "-".repeat(LONG) } else { "·".repeat(self.rng.random_range(0..100)) };
        format!("{client_id} says {:x}{padding}", self.rng.next_u32())
    }

    async fn send(&self, room: &RoomId, client_id: &ClientId, text: &str) -> anyhow::Result<SentMessage> {
        timeout(PATIENCE, self.client.send_message(room, client_id, text))
            .await
            .with_context(|| format!("{client_id} was never acknowledged"))?
            .with_context(|| format!("{client_id} was refused"))
    }
}

/// Leaves a room and joins it again.
pub(super) struct Wanderer {
    pub(super) who: Who,
    pub(super) client: Client,
    pub(super) room: RoomId,
    pub(super) rng: StdRng,
}

impl Wanderer {
    pub(super) async fn run(mut self) -> anyhow::Result<Vec<Asked>> {
        let mut asks = Vec::new();
        while !self.who.shared.enough.is_cancelled() {
            let room_id = self.room.clone();
            let left = self.until_done(&LeaveRoom { room_id: room_id.clone() }).await?;
            asks.push(self.who.asked(&self.room, Ask::Leave, left.map(|position| position.seq)));
            self.rest().await;
            let joined = self.until_done(&JoinRoom { room_id }).await?;
            asks.push(self.who.asked(&self.room, Ask::Join, joined.map(|joined| joined.seq)));
            self.rest().await;
        }
        Ok(asks)
    }

    /// Asks until it is done. The answer counts only to the first try: to a later one it may say that it was done
    /// already.
    async fn until_done<R: Request>(&self, request: &R) -> anyhow::Result<Option<R::Answer>> {
        let asking = async {
            let mut first = true;
            loop {
                match self.client.request(request).await {
                    Ok(answer) => return Ok(first.then_some(answer)),
                    Err(RequestError::Refused(error)) if error.code == Code::NotFound && !first => {
                        return Ok(None);
                    }
                    Err(error) if error.is_retryable() => {}
                    Err(error) => bail!("{} was refused: {error}", R::EVENT),
                }
                first = false;
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, asking).await.with_context(|| format!("{} was never answered", R::EVENT))?
    }

    /// So that something happens meanwhile.
    async fn rest(&mut self) {
        sleep(Duration::from_millis(self.rng.random_range(5..100))).await;
    }
}
