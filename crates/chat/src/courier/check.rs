//! Whether something was missed: the positions of this node's rooms are compared with the log now and then, more often
//! while the bus is down, and at once when the bus says that it may have lost something. One question for all rooms and
//! one for all people, however many they are. Who else has something to compare has [`Looks`].

use super::{Courier, Heard, doubt::answers};
use crate::{
    Chat, Feed, Presence, Subscriber,
    feed::Held,
    log::{parsed, read_seq},
    unavailable,
    words::{rows, words},
};
use plaza_protocol::{Error, Event, RoomId, Seq, UserId};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

/// How often while the bus is down, or the store.
const DEGRADED: Duration = Duration::from_secs(1);
/// How soon one may follow another, whoever wishes for it.
const APART: Duration = Duration::from_millis(250);
/// How many of a room's newest events are searched for how somebody came into it.
const SEARCHED: u32 = 200;

/// When to look for what other nodes said and the bus has lost.
#[derive(Debug)]
pub struct Looks {
    courier: Courier,
    missed: watch::Receiver<()>,
    every: Duration,
    /// The last one came to nothing.
    failing: bool,
}

impl Looks {
    fn new(courier: Courier, chat: &Chat) -> Self {
        let every = Duration::from_millis(chat.settings().position_check_ms.into());
        Self { missed: courier.may_have_missed(), courier, every, failing: false }
    }

    /// Waits until it is time again: every `position_check_ms`, each second while the bus is down, and at once when
    /// something may have been missed, but no two within a quarter of a second.
    pub async fn next(&mut self) {
        let pause = if self.failing || self.courier.is_degraded() { DEGRADED } else { self.every };
        let soonest = Instant::now() + APART;
        // Whether something was missed or it is just time: the same is done.
        let _ = timeout(pause, self.missed.changed()).await;
        sleep_until(soonest).await;
    }
}

/// Checks until it is dropped.
pub async fn check<S: Subscriber>(courier: Courier, chat: Chat, feed: Feed<S>, presence: Presence<S>) {
    let mut looks = Looks::new(courier, &chat);
    loop {
        looks.next().await;
        if looks.failing && !answers(&chat.inner.store).await {
            continue;
        }
        let compared = async {
            compare(&chat, &feed).await?;
            presence.compare().await
        };
        let compared = compared.await;
        if let Err(error) = &compared
            && !looks.failing
        {
            tracing::warn!(%error, "What other nodes did could not be compared with the store; trying on");
        }
        looks.failing = compared.is_err();
    }
}

async fn compare<S: Subscriber>(chat: &Chat, feed: &Feed<S>) -> Result<(), Error> {
    let Some(held) = feed.held().await else { return Ok(()) };
    let tops = chat.tops_above(&held).await?;
    if !tops.is_empty() {
        feed.compare(tops).await;
    }
    for (room, user) in chat.rooms_not_held(&held).await? {
        let events = chat.newest(&room, SEARCHED).await?;
        let came = events
            .iter()
            .rposition(|event| matches!(&**event, Event::MemberAdded(change) if change.user.id == user));
        match came {
            Some(came) => {
                for event in events.into_iter().skip(came) {
                    feed.heard(Heard::Event(event)).await;
                }
            }
            None => feed.close_all(user).await,
        }
    }
    Ok(())
}

impl Chat {
    /// When to look for what other nodes said and the bus has lost; `None` where there are no other nodes.
    pub fn looks(&self) -> Option<Looks> {
        self.inner.courier.clone().map(|courier| Looks::new(courier, self))
    }

    /// The rooms whose logs reach further than what is passed on here, and how far.
    async fn tops_above(&self, held: &Held) -> Result<Vec<(RoomId, Seq)>, Error> {
        let positions: Vec<_> = held.rooms.iter().filter_map(|(room, seq)| Some((room, (*seq)?))).collect();
        let positions = rows(&positions).map_err(unavailable)?;
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let found = sqlx::query(words(&reader).tops_above).bind(positions).fetch_all(&mut *reader).await;
        let tops: sqlx::Result<_> =
            found.map_err(unavailable)?.iter().map(|row| Ok((parsed(row, 0)?, read_seq(row, 1)?))).collect();
        tops.map_err(unavailable)
    }

    /// The rooms that people who are here are in and nothing of which is passed on here: nobody told that they came in.
    async fn rooms_not_held(&self, held: &Held) -> Result<Vec<(RoomId, UserId)>, Error> {
        let rooms: Vec<_> = held.rooms.iter().map(|(room, _)| room).collect();
        let (users, rooms) = (rows(&held.users), rows(&rooms));
        let (users, rooms) = (users.map_err(unavailable)?, rooms.map_err(unavailable)?);
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let found =
            sqlx::query(words(&reader).rooms_not_held).bind(users).bind(rooms).fetch_all(&mut *reader).await;
        let missed: sqlx::Result<_> =
            found.map_err(unavailable)?.iter().map(|row| Ok((parsed(row, 0)?, parsed(row, 1)?))).collect();
        missed.map_err(unavailable)
    }
}
