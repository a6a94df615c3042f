//! What clients ask: each request by its event's name, to the chat's method that serves it.
//!
//! A handler that writes calls chat before it first waits, and handlers of one socket start in the order of its events:
//! so what one socket writes into a room is committed in that order. One that reads much waits until its client has
//! room for the answer, and for its client's earlier ones: else a client that reads would be called slow for what it
//! asked, and could keep all of the store's readers to itself.

use super::{Here, people, seat::Seat};
use futures_util::future::BoxFuture;
use plaza_protocol::{
    AddMember, Answer, BanMember, Code, CreateRoom, DiscoverRooms, Error, GetPresence, History, JoinRoom,
    LeaveRoom, ListBans, ListBlocked, ListMembers, ListRooms, Locate, MarkRead, Position, ReadEvent,
    RemoveMember, RenameRoom, Request, Resume, SendMessage, SetPresence, SetRole, UnbanMember,
};
use plaza_socketio::{Ack, Event, Handlers, Payload, Socket};
use serde::{Serialize, de::DeserializeOwned};
use std::{future::Future, marker::PhantomData, sync::Arc};
use tokio::sync::SemaphorePermit;

/// Who asks, and where.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) here: Arc<Here>,
    pub(super) socket: Arc<Socket>,
}

impl Asker {
    /// Every socket that got as far as asking has one.
    pub(super) fn seat(&self) -> Result<&Seat, Error> {
        self.socket.data::<Seat>().ok_or_else(|| Error::new(Code::Unauthorized, "Sign in first."))
    }

    /// Waits until it is this request's turn among the client's large ones, and there is room for its answer.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let gone = || Error::new(Code::Unavailable, "The connection is closed.");
        let turn = self.seat()?.large_answer.acquire().await.map_err(|_| gone())?;
        self.socket.room_in_outbox().await.map_err(|_| gone())?;
        Ok(turn)
    }
}

/// Where the answer to one request goes.
pub(super) struct Reply<A> {
    ack: Option<Ack>,
    name: &'static str,
    answer: PhantomData<fn(A)>,
}

impl<A: Serialize> Reply<A> {
    /// Answers, if the client wants to know.
    pub(super) fn send(self, done: Result<A, Error>) {
        if let Some(ack) = self.ack {
            answer(self.name, ack, done);
        }
    }
}

/// All of them.
pub(super) fn register(handlers: Handlers, here: &Arc<Here>) -> Handlers {
    let handlers = command(handlers, here, async |asker, request: CreateRoom| {
        asker.here.chat.create_room(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: JoinRoom| {
        asker.here.chat.join_room(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: LeaveRoom| {
        asker.here.chat.leave_room(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: AddMember| {
        asker.here.chat.add_member(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: RemoveMember| {
        asker.here.chat.remove_member(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: SendMessage| {
        asker.here.chat.send_message(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(
        handlers,
        here,
        large(async |asker, _: ListRooms| asker.here.chat.list_rooms(&asker.seat()?.identity.user.id).await),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: ListMembers| {
            asker.here.chat.room_members(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: History| {
            asker.here.chat.history(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: Resume| {
            asker.here.chat.resume(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = manage(handlers, here);
    let handlers = command(handlers, here, mark_read);
    let handlers = command(handlers, here, people::block);
    let handlers = command(handlers, here, people::unblock);
    let handlers = command(handlers, here, async |asker, _: ListBlocked| {
        asker.here.chat.blocked_users(&asker.seat()?.identity.user.id).await
    });
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: GetPresence| {
            asker.here.presence.get(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = replying(handlers, here, people::watch);
    let handlers = command(handlers, here, async |asker, request: SetPresence| {
        asker.here.presence.set(&asker.seat()?.identity.user.id, request).await
    });
    let handlers = command(handlers, here, large(people::typing));
    handlers.otherwise(async |_, Event { ack, .. }| {
        if let Some(ack) = ack {
            answer("", ack, Err::<(), _>(Error::bad_request("There is no request of this name.")));
        }
    })
}

/// What owners and moderators do to a room, and finding rooms and moments.
fn manage(handlers: Handlers, here: &Arc<Here>) -> Handlers {
    let handlers = command(handlers, here, async |asker, request: RenameRoom| {
        asker.here.chat.rename_room(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: SetRole| {
        asker.here.chat.set_role(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: BanMember| {
        asker.here.chat.ban_member(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(handlers, here, async |asker, request: UnbanMember| {
        asker.here.chat.unban_member(&asker.seat()?.identity.user, request).await
    });
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: ListBans| {
            asker.here.chat.room_bans(&asker.seat()?.identity.user.id, request).await
        }),
    );
    let handlers = command(
        handlers,
        here,
        large(async |asker, request: DiscoverRooms| {
            asker.here.chat.discover_rooms(&asker.seat()?.identity.user.id, request).await
        }),
    );
    command(handlers, here, async |asker, request: Locate| {
        asker.here.chat.locate(&asker.seat()?.identity.user.id, request).await
    })
}

async fn mark_read(asker: Asker, request: MarkRead) -> Result<Position, Error> {
    let seat = asker.seat()?;
    let user = &seat.identity.user.id;
    let room_id = request.room_id.clone();
    let marked = asker.here.chat.mark_read(user, request).await?;
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
        let (asker, serve) = (Asker { here: Arc::clone(&here), socket }, serve.clone());
        async move {
            let Event { payload, ack, .. } = event;
            let reply = Reply { ack, name: Q::EVENT, answer: PhantomData };
            match request(&payload) {
                Ok(request) => serve(asker, request, reply).await,
                Err(error) => reply.send(Err(error)),
            }
        }
    })
}

/// Serves a request whose answer is large when its client has room for it, and one at a time. The answer is queued
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

/// The one object of a request; none at all, or `null`, is an object without fields.
fn request<Q: DeserializeOwned>(payload: &Payload) -> Result<Q, Error> {
    let elements = payload.elements().unwrap_or_default();
    let object = elements.first().map_or("{}", |object| object.get());
    serde_json::from_str(if object == "null" { "{}" } else { object })
        .map_err(|error| Error::misfit("request", &error))
}
