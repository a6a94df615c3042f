//! The room log: everything that changes a room's timeline, in one order.
//!
//! A command is checked for form and put into one queue during the call, before anything is awaited: the order
//! of the calls is the order of the commits. One task takes what waits, runs it in one transaction (`batch`),
//! commits, answers, and then publishes what was added, so that an acknowledgement never waits for readers and
//! never comes before the commit.

mod bans;
mod batch;
mod command;
mod direct;
mod entering;
mod event;
mod history;
mod keys;
mod locate;
mod membership;
mod messages;
mod roles;
mod rules;
mod run;
mod standing;
mod subjects;
mod webhook;

use crate::{Chat, Clock, Settings, Tasks};
pub(crate) use bans::may_ban;
pub(crate) use direct::is_id as is_direct;
pub(crate) use event::{decode, parsed, read_seq};
pub(crate) use subjects::{room as about_room, user as about_user};

use batch::LogBatch;
use command::{Command, Done};
use plaza_protocol::{
    AddMember, BanMember, ClientId, Code, CreateRoom, CreatedRoom, Error, Event, JoinRoom, JoinedRoom,
    LeaveRoom, Position, RemoveMember, RenameRoom, SendMessage, SentMessage, SetRole, UnbanMember, User,
};
use plaza_store::{Queue, QueueOptions, QueueStats, Refused, Store, group_commit};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What one commit added to the rooms' logs, in the order of each room's `seq`.
#[derive(Debug, Clone)]
pub struct Committed {
    /// At least one.
    pub events: Vec<Arc<Event>>,
}

/// How long one who was answered `busy` should wait, in milliseconds.
const BUSY_RETRY_MS: u64 = 250;

/// Where commands go in.
pub(crate) struct Log {
    queue: Queue<LogBatch>,
    doubt: Arc<Notify>,
}

impl Log {
    /// Starts the task. `alone`: no other node writes into this store.
    pub(crate) fn start(
        store: &Store,
        clock: &Arc<dyn Clock>,
        settings: &Settings,
        alone: bool,
        shutdown: CancellationToken,
        tasks: &Tasks,
    ) -> (Self, mpsc::Receiver<Committed>) {
        let (published, committed) = mpsc::channel(settings.commit_queue.max(1) as usize);
        let doubt = Arc::new(Notify::new());
        let batch = LogBatch::new(clock.clone(), settings, alone, published, Arc::clone(&doubt));
        let options = QueueOptions {
            capacity: settings.log_queue as usize,
            max_batch: settings.log_batch as usize,
            apart: settings.commits_apart(),
        };
        let (queue, task) = group_commit(store.clone(), batch, options, shutdown);
        tasks.spawn("the log", task);
        (Self { queue, doubt }, committed)
    }

    /// Told of each commit of which nobody knows whether it was stored.
    pub(crate) fn doubt(&self) -> Arc<Notify> {
        Arc::clone(&self.doubt)
    }

    pub(crate) fn stats(&self) -> &Arc<QueueStats> {
        self.queue.stats()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    fn enqueue<T: TryFrom<Done>>(
        &self,
        command: Result<Command, Error>,
        deadline: Option<Instant>,
    ) -> Pending<T> {
        let queued = command.and_then(|command| self.queue.push_by(command, deadline).map_err(refused));
        let state = match queued {
            Ok(answer) => State::Waiting(answer),
            Err(error) => State::Refused(Some(error)),
        };
        Pending { state, pick: |done| T::try_from(done).ok() }
    }
}

/// What a full or ended queue means to a user.
pub(crate) fn refused(why: Refused) -> Error {
    match why {
        Refused::Full => {
            Error::new(Code::Busy, "The server is busy. Try again in a moment.").retry_after_ms(BUSY_RETRY_MS)
        }
        Refused::Ended => {
            Error::new(Code::Unavailable, "The server is shutting down. Try again in a moment.")
                .retry_after_ms(1_000)
        }
    }
}

/// A command that stands in the queue, or was refused at once. Await it for the answer; whether it is awaited
/// or dropped makes no difference to what is committed.
#[must_use = "the answer says whether it was committed"]
pub struct Pending<T> {
    state: State,
    pick: fn(Done) -> Option<T>,
}

enum State {
    Refused(Option<Error>),
    Waiting(oneshot::Receiver<Result<Done, Error>>),
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let fault = || Error::new(Code::Internal, "The server lost track of this request. Send it again.");
        let answer = match &mut self.state {
            State::Refused(error) => Err(error.take().unwrap_or_else(fault)),
            State::Waiting(answer) => ready!(Pin::new(answer).poll(context)).unwrap_or_else(|_| Err(fault())),
        };
        Poll::Ready(answer.and_then(|done| (self.pick)(done).ok_or_else(fault)))
    }
}

/// Commands. Each is queued during the call; see [`Pending`]. All of them may be answered `busy` (the queue is
/// full) or `unavailable` (the store failed, or the server is stopping); nothing is changed then.
impl Chat {
    fn enqueue<T: TryFrom<Done>>(&self, command: Result<Command, Error>) -> Pending<T> {
        self.inner.log.enqueue(command, self.deadline)
    }

    /// Makes a room, with `user` as its owner and first member; or gives the direct room of `user` and somebody else,
    /// which both are plain members of, and makes it if there is none.
    ///
    /// # Errors
    /// `bad_request` for a name or id that is not allowed and for a direct room with oneself, `conflict` for an id that
    /// is taken or for one who is in as many rooms as one may be; for a direct room also `not_found` for an unknown
    /// user and `forbidden` where one has blocked the other.
    pub fn create_room(&self, user: &User, request: CreateRoom) -> Pending<CreatedRoom> {
        self.enqueue(Command::create(self.random(), user, request))
    }

    /// Makes `user` a member of a public room, and the room if there is none and the settings allow it. A
    /// member stays one. Who comes into an empty room owns it.
    ///
    /// # Errors
    /// `not_found` for a room that cannot be joined, `forbidden` for one who is banned, `conflict` for one who is in as
    /// many rooms as one may be.
    pub fn join_room(&self, user: &User, request: JoinRoom) -> Pending<JoinedRoom> {
        self.enqueue(Ok(Command::Join { user: user.clone(), room: request.room_id }))
    }

    /// Ends a membership. The room stays, also without members.
    ///
    /// # Errors
    /// `not_found` for one who is no member, `forbidden` in a direct room, `conflict` for the only owner of a room that
    /// others are in.
    pub fn leave_room(&self, user: &User, request: LeaveRoom) -> Pending<Position> {
        self.enqueue(Ok(Command::Leave { user: user.clone(), room: request.room_id }))
    }

    /// Gives a room another name. The same one again changes nothing, and the answer is the room's top.
    ///
    /// # Errors
    /// `bad_request` for a name that is not allowed, `not_found` for one who is no member, `forbidden` for a plain
    /// member and in a direct room.
    pub fn rename_room(&self, by: &User, request: RenameRoom) -> Pending<Position> {
        self.enqueue(Command::rename(by, request))
    }

    /// Brings somebody into a group. A member stays one, and the answer is the room's top.
    ///
    /// # Errors
    /// `not_found` for one who is no member or for an unknown user, `forbidden` in other rooms, where only owners and
    /// moderators may, and for somebody who is banned, `conflict` where the other one is in as many rooms as one may be.
    pub fn add_member(&self, by: &User, request: AddMember) -> Pending<Position> {
        let AddMember { room_id: room, user: whom } = request;
        self.enqueue(Ok(Command::Add { by: by.clone(), room, whom }))
    }

    /// Puts somebody out of a room; oneself, as [`Chat::leave_room`] does.
    ///
    /// # Errors
    /// `not_found` for one who is no member or for somebody who is none, `forbidden` in a direct room, for somebody who
    /// is not below oneself, and for a plain member, but of another plain member where the settings let anyone manage
    /// groups.
    pub fn remove_member(&self, by: &User, request: RemoveMember) -> Pending<Position> {
        let RemoveMember { room_id: room, user: whom } = request;
        self.enqueue(Ok(Command::Remove { by: by.clone(), room, whom }))
    }

    /// Says what a member may do. The same again changes nothing, and the answer is the room's top.
    ///
    /// # Errors
    /// `not_found` for one who is no member or for somebody who is none, `forbidden` for one who is no owner and in a
    /// direct room, `conflict` for the only owner.
    pub fn set_role(&self, by: &User, request: SetRole) -> Pending<Position> {
        let SetRole { room_id: room, user: whom, role } = request;
        self.enqueue(Ok(Command::SetRole { by: by.clone(), room, whom, role }))
    }

    /// Puts somebody out of a room, if they are in, and keeps them out. Banning again changes nothing, and the answer
    /// is the room's top.
    ///
    /// # Errors
    /// `not_found` for one who is no member or for an unknown user, `forbidden` for a plain member, in a direct room
    /// and for somebody who is not below oneself, `bad_request` for oneself, `conflict` where as many are banned as may be.
    pub fn ban_member(&self, by: &User, request: BanMember) -> Pending<Position> {
        let BanMember { room_id: room, user: whom } = request;
        self.enqueue(Ok(Command::Ban { by: by.clone(), room, whom }))
    }

    /// Lets somebody come into a room again. For one who is not banned it changes nothing, and the answer is the room's
    /// top.
    ///
    /// # Errors
    /// `not_found` for one who is no member or for an unknown user, `forbidden` for a plain member and in a direct room.
    pub fn unban_member(&self, by: &User, request: UnbanMember) -> Pending<Position> {
        let UnbanMember { room_id: room, user: whom } = request;
        self.enqueue(Ok(Command::Unban { by: by.clone(), room, whom }))
    }

    /// A name for a message whose sender has none for it.
    ///
    /// # Errors
    /// `internal`, which is a fault of ours.
    pub fn new_client_id(&self) -> Result<ClientId, Error> {
        let fault = |_| Error::new(Code::Internal, "The server could not make an id. Try again.");
        self.random().id("c_").parse().map_err(fault)
    }

    /// Writes into a room. The same `clientId` again is answered as the first time, after any time.
    ///
    /// # Errors
    /// `not_found` for one who is no member, `bad_request` or `too_large` for a body that is not allowed,
    /// `conflict` for a `clientId` that stands for another message, `forbidden` in a direct room where one has blocked
    /// the other.
    pub fn send_message(&self, user: &User, request: SendMessage) -> Pending<SentMessage> {
        self.enqueue(Command::message(self.random(), user, request))
    }

    /// Writes into a room as a webhook, which the caller has seen may write there. The same `clientId` again is answered
    /// as the first time, after any time and under whatever name it now goes.
    ///
    /// # Errors
    /// `not_found` for a room that is not there or is a direct one, `bad_request` or `too_large` for a body that is not
    /// allowed, `conflict` for a `clientId` that stands for another message.
    pub fn write_by_webhook(&self, webhook: &User, request: SendMessage) -> Pending<SentMessage> {
        self.enqueue(Command::webhook(self.random(), webhook, request))
    }
}
