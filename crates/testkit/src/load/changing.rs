//! Those who change rooms: the wanderers, who leave and come back, and the keeper, who made the rooms and owns them,
//! gives the wanderers roles and takes them again, puts them out, bans them for a moment, and renames rooms.

use super::guest::Who;
use crate::{
    audit::{Ask, Asked},
    program::DEADLINE,
};
use anyhow::bail;
use plaza_client::{Client, Request, RequestError};
use plaza_protocol::{
    BanMember, Code, JoinRoom, LeaveRoom, Position, RemoveMember, RenameRoom, Role, RoomId, Seq, SetRole,
    UnbanMember, UserId, UserRef,
};
use rand::{RngExt as _, rngs::StdRng};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longest that anything is tried again.
const PATIENCE: Duration = DEADLINE.saturating_mul(2);
/// Before it is tried again.
const AGAIN: Duration = Duration::from_millis(20);

/// Somebody who changes rooms, and what they have asked for.
pub(super) struct Changer {
    pub(super) who: Who,
    pub(super) client: Client,
    pub(super) rng: StdRng,
    pub(super) asks: Vec<Asked>,
}

impl Changer {
    /// Leaves a room and joins it again, and is there when nobody keeps it any more.
    pub(super) async fn wander(mut self, room: RoomId) -> anyhow::Result<Vec<Asked>> {
        let shared = self.who.shared.clone();
        let room_id = || room.clone();
        while !shared.enough.is_cancelled() {
            // Put out meanwhile, or banned: then there is nothing to leave.
            let leave = LeaveRoom { room_id: room_id() };
            let left = self.until_done(&room, &Ask::Leave, &leave, Some(Code::NotFound)).await?;
            self.asked(&room, Ask::Leave, left.map(|position| position.seq));
            self.rest().await;
            let join = JoinRoom { room_id: room_id() };
            let joined = self.until_done(&room, &Ask::Join, &join, None).await?;
            self.asked(&room, Ask::Join, joined.map(|joined| joined.seq));
            self.rest().await;
        }
        shared.keeping.subscribe().wait_for(|keeping| !keeping).await?;
        self.until_done(&room, &Ask::Join, &JoinRoom { room_id: room_id() }, None).await?;
        // The answer to a member is where the room ends.
        self.asked(&room, Ask::Join, None);
        Ok(self.asks)
    }

    /// Does something to one of the wanderers, again and again. Nobody else does, so it is known what changes something.
    pub(super) async fn keep(mut self, wandering: Vec<(RoomId, UserId)>) -> anyhow::Result<Vec<Asked>> {
        let shared = self.who.shared.clone();
        for number in 0.. {
            if shared.enough.is_cancelled() || wandering.is_empty() {
                break;
            }
            let (room, user) = wandering[self.rng.random_range(0..wandering.len())].clone();
            match number % 4 {
                0 => self.promote(&room, user).await?,
                1 => self.ban(&room, user).await?,
                2 => {
                    let request = RemoveMember { room_id: room.clone(), user: UserRef::Id(user.clone()) };
                    self.change(&room, Ask::Remove(user), &request, Some(Code::NotFound)).await?;
                }
                _ => {
                    let name = format!("Room {number}");
                    let request = RenameRoom { room_id: room.clone(), name: name.clone() };
                    self.change(&room, Ask::Rename(name), &request, None).await?;
                }
            }
            self.rest().await;
        }
        shared.keeping.send_replace(false);
        Ok(self.asks)
    }

    async fn promote(&mut self, room: &RoomId, user: UserId) -> anyhow::Result<()> {
        for role in [Role::Moderator, Role::Member] {
            let whom = UserRef::Id(user.clone());
            let request = SetRole { room_id: room.clone(), user: whom, role };
            // Away, so there is no role to give.
            let what = Ask::SetRole(user.clone(), role);
            let given = self.until_done(room, &what, &request, Some(Code::NotFound)).await?;
            // Who has left and come back is a plain member already.
            let seq = given.map(|position| position.seq).filter(|_| role == Role::Moderator);
            self.asked(room, what, seq);
            self.rest().await;
        }
        Ok(())
    }

    async fn ban(&mut self, room: &RoomId, user: UserId) -> anyhow::Result<()> {
        let whom = || UserRef::Id(user.clone());
        let ban = BanMember { room_id: room.clone(), user: whom() };
        self.change(room, Ask::Ban(user.clone()), &ban, None).await?;
        self.rest().await;
        let unban = UnbanMember { room_id: room.clone(), user: whom() };
        self.change(room, Ask::Unban(user.clone()), &unban, None).await
    }

    async fn change<R>(
        &mut self,
        room: &RoomId,
        what: Ask,
        request: &R,
        so: Option<Code>,
    ) -> anyhow::Result<()>
    where
        R: Request<Answer = Position>,
    {
        let done = self.until_done(room, &what, request, so).await?;
        self.asked(room, what, done.map(|position| position.seq));
        Ok(())
    }

    fn asked(&mut self, room: &RoomId, what: Ask, seq: Option<Seq>) {
        self.asks.push(self.who.asked(room, what, seq));
    }

    /// Asks until it is done, or refused as being `so` already. The answer counts only to a try before which none can have
    /// been carried out unseen: after such a one it may say that it was done already. Each of those counts as asked for: it
    /// may be carried out late, when others have changed back what a later one did. One who is banned waits.
    async fn until_done<R: Request>(
        &mut self,
        room: &RoomId,
        what: &Ask,
        request: &R,
        so: Option<Code>,
    ) -> anyhow::Result<Option<R::Answer>> {
        let deadline = Instant::now() + PATIENCE;
        let mut first = true;
        while Instant::now() < deadline {
            match self.client.request(request).await {
                Ok(answer) => return Ok(first.then_some(answer)),
                Err(RequestError::Refused(error)) if so == Some(error.code) => return Ok(None),
                Err(RequestError::Refused(error))
                    if error.code == Code::Forbidden && R::EVENT == JoinRoom::EVENT => {}
                Err(error) if error.is_retryable() => {
                    first = false;
                    if may_be_carried_out(&error) {
                        self.asked(room, what.clone(), None);
                    }
                }
                Err(error) => bail!("{} was refused: {error}", R::EVENT),
            }
            sleep(AGAIN).await;
        }
        bail!("{} was never answered", R::EVENT)
    }

    /// So that something happens meanwhile.
    async fn rest(&mut self) {
        sleep(Duration::from_millis(self.rng.random_range(5..100))).await;
    }
}

/// Whether it may have been, or may yet be, for all that is known.
fn may_be_carried_out(error: &RequestError) -> bool {
    match error {
        RequestError::TimedOut | RequestError::Disconnected => true,
        RequestError::Refused(error) => matches!(error.code, Code::Unavailable | Code::Internal),
        RequestError::Unreachable(_) | RequestError::Malformed(_) => false,
    }
}
