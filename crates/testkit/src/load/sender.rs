//! What guests send, again and again until it is acknowledged, and how far they say to have read.

use super::{guest::Who, observer::Reached};
use crate::{audit::Sent, program::DEADLINE};
use anyhow::{Context as _, bail};
use plaza_client::Client;
use plaza_protocol::{ClientId, MarkRead, RoomId, SentMessage, Seq};
use rand::{Rng as _, RngExt as _, rngs::StdRng};
use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};
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

/// What came of one.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) sends: Vec<Sent>,
    /// The newest read position that was acknowledged in each room.
    pub(super) read: BTreeMap<RoomId, Seq>,
}

impl Sender {
    pub(super) async fn run(mut self, lane: usize) -> anyhow::Result<Lane> {
        let mut all = Lane::default();
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
            if self.rng.random_ratio(1, 10)
                && let Some(seq) = self.mark_read(&room, after).await?
            {
                let read = all.read.entry(room.clone()).or_default();
                *read = seq.max(*read);
            }
            all.sends.push(Sent { client, user, room, client_id, text, after, answers });
        }
        Ok(all)
    }

    /// Says once that it has read what it was shown; where that now stands, if it was answered.
    async fn mark_read(&self, room: &RoomId, seq: Seq) -> anyhow::Result<Option<Seq>> {
        match self.client.request(&MarkRead { room_id: room.clone(), seq }).await {
            Ok(position) => Ok(Some(position.seq)),
            Err(error) if error.is_retryable() => Ok(None),
            Err(error) => bail!("reading up to {seq} in {room} was refused: {error}"),
        }
    }

    fn text(&mut self, client_id: &ClientId) -> String {
        let padding = if self.long { "-".repeat(LONG) } else { "·".repeat(self.rng.random_range(0..100)) };
        format!("{client_id} says {:x}{padding}", self.rng.next_u32())
    }

    async fn send(&self, room: &RoomId, client_id: &ClientId, text: &str) -> anyhow::Result<SentMessage> {
        timeout(PATIENCE, self.client.send_message(room, client_id, text))
            .await
            .with_context(|| {
                let state = if self.client.is_online() { "online" } else { "away" };
                format!("{client_id} was never acknowledged, and its client is {state}")
            })?
            .with_context(|| format!("{client_id} was refused"))
    }
}
