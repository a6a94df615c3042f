//! From CONNECT to live: `session`, what was missed, `resumed`, and from then on what happens.

use super::{Here, member::Member, registry, seat::Seat, tell};
use futures_util::{
    FutureExt as _,
    future::{Either, select},
};
use plaza_chat::{Caught, Extent, Live, decide};
use plaza_protocol::{Auth, Error, Reload, RoomId, RoomResumed, Seq, Session};
use plaza_socketio::{Closed, Socket};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

/// How long to wait before looking again, times the number of looks so far.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// How long a client that is brought in holds its turn: one that missed much in many rooms goes on beside the next.
const LONGEST_TURN: Duration = Duration::from_secs(1);

/// Why a client was not brought up to date: its session is closed then, and it comes back.
enum Stopped {
    Closed,
    Store(Error),
}

impl From<Closed> for Stopped {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// The connect handler.
pub(super) async fn arrive(here: &Here, socket: Arc<Socket>, auth: Value) {
    let Some(seat) = socket.data::<Seat>() else { return };
    let member = Arc::new(Member::new(Arc::clone(&socket), here.shares_rooms));
    here.presence.came(seat.presence, seat.identity.user.id.clone(), Arc::clone(&member)).await;
    if !socket.is_connected() {
        // That it went may have been heard before that it came.
        here.presence.went(seat.presence).await;
        return;
    }
    let session = Session {
        user: seat.identity.user.clone(),
        token: seat.new_token.clone(),
        node: here.node.clone(),
        epoch: here.chat.epoch().to_owned(),
        members_managed_by: here.chat.settings().members_managed_by,
    };
    tell(&socket, &session);
    let brought = {
        let bringing = pin!(bring_in(here, &socket, member, auth));
        match select(bringing, pin!(tokio::time::sleep(LONGEST_TURN))).await {
            Either::Left((brought, _)) => brought,
            Either::Right(((), bringing)) => {
                seat.give_up_turn();
                bringing.await
            }
        }
    };
    seat.give_up_turn();
    match brought {
        Ok(()) | Err(Stopped::Closed) => {}
        Err(Stopped::Store(error)) => {
            tracing::warn!(user = %seat.identity.user.id, %error, "A client was not brought up to date");
            socket.close_transport();
        }
    }
}

async fn bring_in(
    here: &Here,
    socket: &Arc<Socket>,
    member: Arc<Member>,
    auth: Value,
) -> Result<(), Stopped> {
    let Some(seat) = socket.data::<Seat>() else { return Ok(()) };
    here.registry.add(&seat.identity.session, socket);
    if !socket.is_connected() {
        here.registry.remove(&seat.identity.session, socket);
        return Err(Stopped::Closed);
    }
    if !here.chat.still_holds(&seat.identity).await? {
        registry::send_away(socket);
        return Ok(());
    }
    let Some(connection) = here.feed.connect(seat.identity.user.id.clone(), Arc::clone(&member)).await else {
        return Err(Stopped::Closed);
    };
    if !seat.connected(connection) {
        here.feed.disconnect(connection).await;
        return Err(Stopped::Closed);
    }
    let mut rooms = Rooms::claimed(serde_json::from_value(auth).unwrap_or_default(), here.chat.epoch());
    let mut wait = Duration::ZERO;
    loop {
        let memberships = here.chat.memberships(&seat.identity.user.id).await?;
        here.feed.watch(connection, memberships.into_iter().map(|(room, _)| room).collect()).await;
        // Read after they are watched: what comes behind these tops, the feed keeps.
        let tops = here.chat.memberships(&seat.identity.user.id).await?;
        rooms.settle(&tops);
        for (room, extent) in &tops {
            rooms.send_missed(here, socket, seat, &member, room, extent.top).await?;
        }
        match here.feed.go_live(connection, rooms.caught()).await {
            Live::Yes => return Ok(()),
            Live::Gone => return Err(Stopped::Closed),
            Live::LookAgain => {
                seat.give_up_turn();
                wait = LONGEST_WAIT.min(wait + LOOK_AGAIN);
            }
        }
        tokio::time::sleep(wait).await;
    }
}

/// What the client held, and how far it has been brought.
struct Rooms {
    held: BTreeMap<String, Seq>,
    same_epoch: bool,
    now: BTreeMap<String, Caught>,
    /// How far it had been brought in rooms whose member its user was no more for a while.
    reached: BTreeMap<String, Seq>,
}

impl Rooms {
    fn claimed(auth: Auth, epoch: &str) -> Self {
        let same_epoch = auth.epoch.as_deref() == Some(epoch);
        Self {
            held: auth.positions.unwrap_or_default(),
            same_epoch,
            now: BTreeMap::new(),
            reached: BTreeMap::new(),
        }
    }

    /// Takes in the user's rooms and tops as they are now: rooms that are new are decided, rooms that are gone are
    /// no longer fed.
    fn settle(&mut self, tops: &[(RoomId, Extent)]) {
        let rooms: HashSet<&str> = tops.iter().map(|(room, _)| room.as_str()).collect();
        let known: Vec<String> = self.held.keys().chain(self.now.keys()).cloned().collect();
        for name in known {
            if !rooms.contains(name.as_str()) {
                let resumed = decide(self.held.get(&name).copied(), self.same_epoch, None);
                let gone = Caught { name: name.clone(), position: None, resumed };
                if let Some(Caught { position: Some((_, reached)), .. }) = self.now.insert(name.clone(), gone)
                {
                    self.reached.insert(name, reached);
                }
            }
        }
        for (room, extent) in tops {
            if self.now.get(room.as_str()).is_some_and(|caught| caught.position.is_some()) {
                continue;
            }
            let resumed = decide(self.held.get(room.as_str()).copied(), self.same_epoch, Some(*extent));
            let position = match resumed {
                // What it was sent before its user was removed, and added again, is not sent again.
                RoomResumed::Span { from, .. } => {
                    from.max(self.reached.get(room.as_str()).copied().unwrap_or_default())
                }
                // It loads the room anew, and is fed from here.
                RoomResumed::Reload { .. } => extent.top,
            };
            let caught = Caught { name: room.to_string(), position: Some((room.clone(), position)), resumed };
            self.now.insert(room.to_string(), caught);
        }
    }

    /// Sends what the client misses up to `top`, waiting for room in its outbox. Nothing above `top`: there its
    /// user may be no member any more.
    async fn send_missed(
        &mut self,
        here: &Here,
        socket: &Socket,
        seat: &Seat,
        member: &Member,
        room: &RoomId,
        top: Seq,
    ) -> Result<(), Stopped> {
        let Some(Caught { position: Some((_, position)), resumed, .. }) = self.now.get_mut(room.as_str())
        else {
            return Ok(());
        };
        let RoomResumed::Span { to, .. } = resumed else {
            *position = top;
            return Ok(());
        };
        while *position < top {
            let before = *position;
            let events = here.chat.missed(room, before, top).await?;
            if events.first().is_none_or(|event| event.seq() != before + 1) {
                // Retention has cut it since it was decided that it can be sent.
                *resumed = RoomResumed::Reload { reload: Reload::Trimmed };
                *position = top;
                return Ok(());
            }
            for event in events.iter().filter(|event| event.seq() <= top) {
                if socket.room_in_outbox().now_or_never().is_none() {
                    // It does not read: others need not wait for it.
                    seat.give_up_turn();
                    socket.room_in_outbox().await?;
                }
                member.send_event(event)?;
                *position = event.seq();
            }
        }
        *to = *position;
        Ok(())
    }

    fn caught(&self) -> Vec<Caught> {
        self.now.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lobby(top: Seq) -> Vec<(RoomId, Extent)> {
        vec![("lobby".parse().expect("a room's id"), Extent { first: 1, top })]
    }

    #[test]
    fn one_who_is_removed_and_added_again_while_coming_in_gets_nothing_twice() {
        let positions = Some([("lobby".to_owned(), 2)].into());
        let auth = Auth { positions, epoch: Some("e".to_owned()), ..Auth::default() };
        let mut rooms = Rooms::claimed(auth, "e");
        rooms.settle(&lobby(5));
        // Events 3 to 5 are sent.
        if let Some(Caught { position: Some((_, position)), .. }) = rooms.now.get_mut("lobby") {
            *position = 5;
        }
        rooms.settle(&[]);
        assert!(rooms.now["lobby"].position.is_none());
        rooms.settle(&lobby(7));
        let Caught { position, resumed, .. } = &rooms.now["lobby"];
        assert_eq!(position.as_ref().map(|(_, position)| *position), Some(5));
        assert_eq!(*resumed, RoomResumed::Span { from: 2, to: 7 });
    }
}
