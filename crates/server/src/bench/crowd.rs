//! The guests: they come in over the ramp, join their rooms, and note everything that they are told.

use super::{
    Bench, PATIENCE,
    tally::{Tally, lock},
};
use crate::meter::Meter;
use anyhow::bail;
use plaza_client::{Address, Client, Identity, Options, RequestError, Rest, Update, Updates};
use plaza_protocol::{Content, Event, JoinRoom, RoomId, Seq, TextBody};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

/// How soon one looks again whether all is told.
const LOOK: Duration = Duration::from_millis(50);
/// How many leave at once.
const LEAVE_AT_ONCE: usize = 64;
/// Longest for one request over HTTP.
const REST: Duration = Duration::from_secs(10);

/// Everybody who is here.
pub(super) struct Crowd {
    pub(super) guests: Vec<Guest>,
}

/// One of them.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) client: Client,
    pub(super) rooms: Vec<(u32, RoomId)>,
    /// How far it was told in each room.
    held: Arc<Mutex<HashMap<RoomId, Seq>>>,
}

impl Crowd {
    pub(super) async fn gather(
        bench: &Bench,
        address: &Address,
        run: &str,
        tally: &Arc<Tally>,
        rng: &mut StdRng,
        meter: &mut Meter<'_>,
    ) -> anyhow::Result<Self> {
        let (began, ramp) = (Instant::now(), Duration::from_secs(bench.ramp.into()));
        let mut coming = JoinSet::new();
        let mut guests = Vec::new();
        let patience = ramp + PATIENCE;
        for number in 0..bench.connections {
            sleep_until(began + ramp * number / bench.connections).await;
            let rooms = bench.rooms_of(number).map(|room| (room, format!("{run}-{room}")));
            let rooms =
                rooms.map(|(room, name)| Ok((room, name.parse()?))).collect::<anyhow::Result<Vec<_>>>()?;
            let own_rng = StdRng::from_rng(rng);
            let guest = Guest::start(format!("{run}-{number}"), rooms, address.clone(), own_rng, tally);
            coming.spawn(guest.clone().come(Arc::clone(tally), patience));
            guests.push(guest);
            while let Some(came) = coming.try_join_next() {
                came??;
            }
            let here = guests.len() - coming.len();
            meter.show(here as u64, bench.connections.into(), || {
                format!("{here} of {} guests are in", bench.connections)
            });
        }
        while let Some(came) = coming.join_next().await {
            came??;
            let here = guests.len() - coming.len();
            meter.show(here as u64, bench.connections.into(), || {
                format!("{here} of {} guests are in", bench.connections)
            });
        }
        Ok(Self { guests })
    }

    /// Waits until everybody was told all that was acknowledged; what is not told by then.
    pub(super) async fn until_told(&self, tally: &Tally, patience: Duration, meter: &mut Meter<'_>) -> u64 {
        let deadline = Instant::now() + patience;
        loop {
            let lost: u64 = self.guests.iter().map(|guest| guest.lacks(tally)).sum();
            if lost == 0 || Instant::now() >= deadline {
                return lost;
            }
            meter.show(0, lost, || format!("{lost} deliveries are outstanding"));
            sleep(LOOK).await;
        }
    }

    /// Everybody leaves the rooms and logs out, as far as they may.
    pub(super) async fn leave(self, address: &Address) {
        let Ok(rest) = Rest::new(address.clone(), REST) else { return };
        let mut leaving = JoinSet::new();
        for guest in self.guests {
            let rest = rest.clone();
            leaving.spawn(async move {
                for (_, room) in &guest.rooms {
                    let Ok(connection) = guest.client.connection().await else { break };
                    let _ = connection.leave_room(room).await;
                }
                if let Some(token) = guest.client.guest_token() {
                    let _ = rest.logout(&token).await;
                }
                guest.client.close();
            });
            if leaving.len() >= LEAVE_AT_ONCE {
                leaving.join_next().await;
            }
        }
        while leaving.join_next().await.is_some() {}
    }
}

impl Guest {
    fn start(
        name: String,
        rooms: Vec<(u32, RoomId)>,
        address: Address,
        rng: StdRng,
        tally: &Arc<Tally>,
    ) -> Self {
        let (client, updates) = Client::start(address, Identity::Guest(name), Options::default(), rng);
        let held = Arc::default();
        tokio::spawn(listen(updates, Arc::clone(&held), Arc::clone(tally)));
        Self { client, rooms, held }
    }

    /// Joins the rooms, and waits to be told of it: from there on it holds a position in each, and must be told everything.
    async fn come(self, tally: Arc<Tally>, patience: Duration) -> anyhow::Result<()> {
        let joining = async {
            for (_, room) in &self.rooms {
                let request = JoinRoom { room_id: room.clone() };
                loop {
                    let error = match self.client.request(&request).await {
                        Ok(_) => break,
                        Err(error) if error.is_retryable() => error,
                        Err(error) => bail!("A guest could not join: {error}"),
                    };
                    if let Some(why) = tally.refused() {
                        bail!("A guest was refused: {why}");
                    }
                    sleep(told_to_wait(&error)).await;
                }
                while !lock(&self.held).contains_key(room) {
                    sleep(LOOK).await;
                }
            }
            Ok(())
        };
        match timeout(patience, joining).await {
            Ok(joined) => joined,
            Err(_) => {
                let why = tally.offline().unwrap_or_else(|| "no answer".to_owned());
                bail!("Not all guests could come in within {} s. The last reason: {why}", patience.as_secs())
            }
        }
    }

    fn lacks(&self, tally: &Tally) -> u64 {
        let held = lock(&self.held);
        let lacks =
            |room: &RoomId| tally.top(room).saturating_sub(held.get(room).copied().unwrap_or_default());
        self.rooms.iter().map(|(_, room)| lacks(room)).sum()
    }
}

fn told_to_wait(error: &RequestError) -> Duration {
    let told = match error {
        RequestError::Refused(refused) => refused.retry_after_ms,
        _ => None,
    };
    Duration::from_millis(told.unwrap_or(200))
}

/// Notes what a guest is told.
async fn listen(mut updates: Updates, held: Arc<Mutex<HashMap<RoomId, Seq>>>, tally: Arc<Tally>) {
    while let Some(update) = updates.next().await {
        match update {
            Update::Event(event) => {
                lock(&held).insert(event.room_id().clone(), event.seq());
                if let Some(due) = due(&event) {
                    tally.was_told(due);
                }
            }
            Update::Reloaded { room, page, .. } => {
                tally.reloads.fetch_add(1, Relaxed);
                if let Some(newest) = page.and_then(|page| page.events.last().map(Event::seq)) {
                    lock(&held).insert(room, newest);
                }
            }
            Update::Repeated(_) => drop(tally.doubled.fetch_add(1, Relaxed)),
            Update::Gap { .. } => drop(tally.out_of_order.fetch_add(1, Relaxed)),
            Update::Offline { why, .. } => {
                tally.interruptions.fetch_add(1, Relaxed);
                tally.is_offline(why);
            }
            Update::Refused(error) => tally.was_refused(error.to_string()),
            _ => {}
        }
    }
}

/// What is sent: when it was due, and as much behind it as is needed to be so long.
pub(super) fn text(due: Duration, length: usize) -> String {
    format!("{:.<length$}", format!("{} ", due.as_micros()))
}

fn due(event: &Event) -> Option<Duration> {
    let Event::Message(message) = event else { return None };
    let Content::Text(TextBody { text }) = &message.content else { return None };
    let micros = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plaza_protocol::{Message, Timestamp, User};

    #[test]
    fn when_it_was_due_stands_in_a_text_of_any_length() {
        let at = Duration::from_micros(1_234_567);
        for length in [1, 8, 9, 400] {
            let text = text(at, length);
            assert_eq!(text.len(), length.max(8), "{text:?}");
            let message = Message {
                room_id: "r".parse().unwrap(),
                seq: 1,
                id: "m_1".into(),
                client_id: "c".parse().unwrap(),
                sender: User { id: "u_1".parse().unwrap(), name: "Ana".into(), guest: true },
                content: Content::Text(TextBody { text }),
                at: Timestamp::from_millis(0),
            };
            assert_eq!(due(&Event::Message(message)), Some(at));
        }
    }
}
