//! What clients ask: each request by its event's name, to the chat's method that serves it.
//!
//! A handler that writes calls chat before it first waits, and handlers of one socket start in the order of its events:
//! so what one socket writes into a room is committed in that order. One that reads much waits until its client has
//! room for the answer, and for its client's earlier ones: else a client that reads would be called slow for what it
//! asked, and could keep all of the store's readers to itself.

use super::{
    Here, people,
    seat::{Seat, address},
};
use crate::telemetry::metrics::Metrics;
use futures_util::future::BoxFuture;
use plaza_chat::Chat;
use plaza_protocol::{
    AddMember, Answer, AudioBody, BanMember, Body, Code, CreateRoom, DiscoverRooms, Error, FileBody,
    GetPresence, History, ImageBody, JoinRoom, Kind, LeaveRoom, ListBans, ListBlocked, ListMembers,
    ListRooms, Locate, LocationBody, MarkRead, Position, ReadEvent, RemoveMember, RenameRoom, Request,
    RequestOptions, Resume, SendKind, SendMessage, SentMessage, SetRole, TextBody, UnbanMember, User,
    ZaloBody,
};
use plaza_socketio::{Ack, Event, Handlers, Payload, Socket};
use serde::{Serialize, de::DeserializeOwned};
use std::{future::Future, marker::PhantomData, sync::Arc, time::Duration};
use tokio::{sync::SemaphorePermit, time::Instant};

/// How long one who was told that the server is overloaded should wait, in milliseconds.
const OVERLOADED_RETRY_MS: u64 = 1_000;

/// Who asks, and where.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) here: Arc<Here>,
    pub(super) socket: Arc<Socket>,
    /// What is asked of it is not carried out after the deadline.
    pub(super) chat: Chat,
    /// When an answer is of no use any more.
    pub(super) deadline: Instant,
}

impl Asker {
    /// Every socket that got as far as asking has one.
    pub(super) fn seat(&self) -> Result<&Seat, Error> {
        self.socket.data::<Seat>().ok_or_else(|| Error::new(Code::Unauthorized, "Sign in first."))
    }

    /// Who asks for something that goes into a room's log, if it is not too often.
    fn writer(&self) -> Result<&User, Error> {
        let user = &self.seat()?.identity.user;
        self.here.limits.check_write(&user.id, address(&self.socket))?;
        Ok(user)
    }

    /// Waits until it is this request's turn among the client's large ones, and there is room for its answer.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let gone = || Error::new(Code::Unavailable, "The connection is closed.");
        let turn = self.seat()?.large_answer.acquire().await.map_err(|_| gone())?;
        self.socket.room_in_outbox().await.map_err(|_| gone())?;
        self.in_time()?;
        Ok(turn)
    }

    /// Refuses what has waited for too long.
    fn in_time(&self) -> Result<(), Error> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(Error::expired()) }
    }

    /// Refuses what would have everybody be sent more, while there is too much for all of them to take. One who reads
    /// slowly is nobody's reason to wait.
    fn not_overloaded(&self) -> Result<(), Error> {
        if self.socket.server_is_overloaded() { Err(overloaded()) } else { Ok(()) }
    }
}

pub(super) fn overloaded() -> Error {
    let message = "The server has more to deliver than it can. Try again in a moment.";
    Error::new(Code::Busy, message).retry_after_ms(OVERLOADED_RETRY_MS)
}

/// Where the answer to one request goes.
pub(super) struct Reply<A> {
    ack: Option<Ack>,
    name: &'static str,
    received: Instant,
    metrics: Arc<Metrics>,
    answer: PhantomData<fn(A)>,
}

impl<A: Serialize> Reply<A> {
    /// Answers, if the client wants to know.
    pub(super) fn send(self, done: Result<A, Error>) {
        let Self { ack, name, received, metrics, .. } = self;
        metrics.request(name, &done, received.elapsed());
        if let Some(ack) = ack {
            answer(name, ack, done);
        }
    }
}

/// All of them.
pub(super) fn register(handlers: Handlers, here: &Arc<Here>) -> Handlers {
    let handlers = command(handlers, here, async |asker, request: CreateRoom| {
        asker.chat.create_room(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, async |asker, request: JoinRoom| {
        asker.chat.join_room(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, async |asker, request: LeaveRoom| {
        asker.chat.leave_room(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, async |asker, request: AddMember| {
        asker.chat.add_member(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, async |asker, request: RemoveMember| {
        asker.chat.remove_member(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, send);
    let handlers = kinds(handlers, here);
    let handlers = command(
        handlers,
        here,
        large(async |asker, _: ListRooms| asker.chat.list_rooms(&asker.seat()?.identity.user.id).await),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: ListMembers| {
            asker.chat.room_members(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: History| {
            asker.chat.history(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: Resume| {
            asker.chat.resume(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = manage(handlers, here);
    let handlers = command(handlers, here, mark_read);
    let handlers = between_people(handlers, here);
    handlers.otherwise(async |_, Event { ack, .. }| {
        if let Some(ack) = ack {
            answer("", ack, Err::<(), _>(Error::bad_request("There is no request of this name.")));
        }
    })
}

async fn send(asker: Asker, request: SendMessage) -> Result<SentMessage, Error> {
    asker.not_overloaded()?;
    let answer = asker.here.zalo.in_message(&request);
    let sent = asker.chat.send_message(asker.writer()?, request).await?;
    asker.here.zalo.hand_in(answer, &sent).await;
    Ok(sent)
}

/// Messages by the names of their kinds.
fn kinds(mut handlers: Handlers, here: &Arc<Here>) -> Handlers {
    for kind in Kind::ALL {
        handlers = match kind {
            Kind::Text => flat::<TextBody>(handlers, here),
            Kind::Image => flat::<ImageBody>(handlers, here),
            Kind::File => flat::<FileBody>(handlers, here),
            Kind::Location => flat::<LocationBody>(handlers, here),
            Kind::Audio => flat::<AudioBody>(handlers, here),
            Kind::Zalo => flat::<ZaloBody>(handlers, here),
        };
    }
    handlers
}

fn flat<B: Body>(handlers: Handlers, here: &Arc<Here>) -> Handlers
where
    SendKind<B>: Request<Answer = SentMessage>,
{
    command(handlers, here, async |asker, request: SendKind<B>| {
        let SendKind { room_id, client_id, body } = request;
        let client_id = client_id.map_or_else(|| asker.chat.new_client_id(), Ok)?;
        send(asker, SendMessage { room_id, client_id, content: body.into() }).await
    })
}

/// Blocks, who is here, and who is writing.
fn between_people(handlers: Handlers, here: &Arc<Here>) -> Handlers {
    let handlers = command(handlers, here, large(people::block));
    let handlers = command(handlers, here, large(people::unblock));
    let handlers = command(handlers, here, async |asker, _: ListBlocked| {
        asker.chat.blocked_users(&asker.seat()?.identity.user.id).await
    });
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: GetPresence| {
            asker.here.presence.get(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = replying(handlers, here, people::watch);
    let handlers = command(handlers, here, large(people::set_presence));
    command(handlers, here, large(people::typing))
}

/// What owners and moderators do to a room, and finding rooms and moments.
fn manage(handlers: Handlers, here: &Arc<Here>) -> Handlers {
    let handlers = command(handlers, here, async |asker, request: RenameRoom| {
        asker.chat.rename_room(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, async |asker, request: SetRole| {
        asker.chat.set_role(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, async |asker, request: BanMember| {
        asker.chat.ban_member(asker.writer()?, request).await
    });
    let handlers = command(handlers, here, async |asker, request: UnbanMember| {
        asker.chat.unban_member(asker.writer()?, request).await
    });
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: ListBans| {
            asker.chat.room_bans(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: DiscoverRooms| {
            asker.chat.discover_rooms(&asker.seat()?.identity.user.id, request).await
        }),
    );
    command(handlers, here, async |asker, request: Locate| {
        asker.chat.locate(&asker.seat()?.identity.user.id, request).await
    })
}

async fn mark_read(asker: Asker, request: MarkRead) -> Result<Position, Error> {
    let seat = asker.seat()?;
    let user = &seat.identity.user.id;
    let room_id = request.room_id.clone();
    let marked = asker.chat.mark_read(user, request).await?;
    if marked.moved {
        let event = ReadEvent { room_id, seq: marked.position.seq };
        asker.here.feed.read(user.clone(), event, seat.connection(), marked.shared).await;
    }
    Ok(marked.position)
}

/// One of them: its request is read, served, and answered.
fn command<Q, F, Fut>(handlers: Handlers, here: &Arc<Here>, serve: F) -> Handlers
where
    Q: Request,
    F: Fn(Asker, Q) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Q::Answer, Error>> + Send + 'static,
{
    replying(handlers, here, move |asker, request, reply| {
        let serving = serve(asker, request);
        async move { reply.send(serving.await) }
    })
}

/// One whose `serve` sends the answer itself.
fn replying<Q, F, Fut>(handlers: Handlers, here: &Arc<Here>, serve: F) -> Handlers
where
    Q: Request,
    F: Fn(Asker, Q, Reply<Q::Answer>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let here = Arc::clone(here);
    handlers.on(Q::EVENT, move |socket, event: Event| {
        let (here, serve) = (Arc::clone(&here), serve.clone());
        async move {
            let Event { payload, ack, received, .. } = event;
            let metrics = Arc::clone(&here.metrics);
            let reply = Reply { ack, name: Q::EVENT, received, metrics, answer: PhantomData };
            let asked = request(&payload).and_then(|(request, options)| {
                let deadline = received + options.timeout_ms()?.map_or(here.request_deadline, millis);
                let asker = Asker { chat: here.chat.by(deadline), here, socket, deadline };
                asker.in_time().map(|()| (asker, request))
            });
            match asked {
                Ok((asker, request)) => serve(asker, request, reply).await,
                Err(error) => reply.send(Err(error)),
            }
        }
    })
}

fn millis(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}

/// Serves a request whose answer is large when its client has room for it, and one at a time; so too one that waits for
/// the writer by itself, where each that one client asks for would keep others waiting. The answer is queued
/// before the client's next one looks for room, since one task runs all of a client's handlers.
fn large<Q, Fut>(
    serve: impl Fn(Asker, Q) -> Fut + Clone + Send + Sync + 'static,
) -> impl Fn(Asker, Q) -> BoxFuture<'static, Result<Q::Answer, Error>> + Clone + Send + Sync + 'static
where
    Q: Request,
    Fut: Future<Output = Result<Q::Answer, Error>> + Send + 'static,
{
    move |asker, request| {
        let serve = serve.clone();
        Box::pin(async move {
            let waiting = asker.clone();
            let _turn = waiting.turn().await?;
            serve(asker, request).await
        })
    }
}

fn answer<A: Serialize>(name: &str, ack: Ack, done: Result<A, Error>) {
    if let Err(error) = ack.send(&[Answer(done)]) {
        tracing::error!(%error, name, "An answer cannot be encoded and is not sent");
    }
}

/// The object of a request, and what stands behind it; none at all, or `null`, is an object without fields.
fn request<Q: DeserializeOwned>(payload: &Payload) -> Result<(Q, RequestOptions), Error> {
    let elements = payload.elements().unwrap_or_default();
    let mut objects = elements.iter().map(|object| object.get());
    let mut next = || objects.next().filter(|object| *object != "null").unwrap_or("{}");
    let request = serde_json::from_str(next()).map_err(|error| Error::misfit("request", &error))?;
    let options = serde_json::from_str(next()).map_err(|error| Error::misfit("second argument", &error))?;
    Ok((request, options))
}
