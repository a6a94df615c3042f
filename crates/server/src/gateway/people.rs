//! What is asked and said of people: who is online, who is writing, and who has blocked whom.

use super::{
    Gateway, Here,
    commands::{Asker, Reply},
};
use plaza_chat::Chat;
use plaza_protocol::{
    BlockUser, Done, Error, PresenceList, SetPresence, Typing, TypingEvent, UnblockUser, UserId,
    WatchPresence,
};

/// How long a client shows that somebody writes.
const SHOWN_MS: u64 = 6_000;

/// The answer must stand in its right place among what the client is sent, so who watches gives it.
pub(super) async fn watch(asker: Asker, request: WatchPresence, reply: Reply<PresenceList>) {
    match (asker.turn().await, asker.seat()) {
        (Ok(_turn), Ok(seat)) => {
            let (user, answer) = (&seat.identity.user.id, Box::new(|done| reply.send(done)));
            asker.here.presence.watch(seat.presence, user, request, answer).await;
        }
        (Err(error), _) | (_, Err(error)) => reply.send(Err(error)),
    }
}

pub(super) async fn typing(asker: Asker, request: Typing) -> Result<Done, Error> {
    let user = asker.seat()?.identity.user.clone();
    if asker.chat.is_seen_typing(&user.id, &request).await? {
        let event = TypingEvent { room_id: request.room_id, user, for_ms: SHOWN_MS };
        asker.here.feed.typing(event).await;
    }
    Ok(Done {})
}

pub(super) async fn set_presence(asker: Asker, request: SetPresence) -> Result<Done, Error> {
    let user = &asker.seat()?.identity.user.id;
    asker.here.limits.check_privacy(user)?;
    asker.here.presence.by(asker.deadline).set(user, request).await
}

pub(super) async fn block(asker: Asker, request: BlockUser) -> Result<Done, Error> {
    asker.here.block(&asker.chat, &asker.seat()?.identity.user.id, request).await?;
    Ok(Done {})
}

pub(super) async fn unblock(asker: Asker, request: UnblockUser) -> Result<Done, Error> {
    asker.here.unblock(&asker.chat, &asker.seat()?.identity.user.id, request).await?;
    Ok(Done {})
}

/// One who has blocked somebody looks offline to them, from now on: whoever blocks goes this way.
impl Here {
    async fn block(&self, chat: &Chat, user: &UserId, request: BlockUser) -> Result<(), Error> {
        self.limits.check_privacy(user)?;
        let whom = chat.block_user(user, request).await?;
        self.presence.block_changed(user, &whom.id).await
    }

    async fn unblock(&self, chat: &Chat, user: &UserId, request: UnblockUser) -> Result<(), Error> {
        self.limits.check_privacy(user)?;
        let whom = chat.unblock_user(user, request).await?;
        self.presence.block_changed(user, &whom.id).await
    }
}

impl Gateway {
    /// [`Chat::block_user`] of this `chat`; whoever is blocked does not see any more whether `user` is here.
    ///
    /// # Errors
    /// As there, and `rate_limited`.
    pub(crate) async fn block(&self, chat: &Chat, user: &UserId, request: BlockUser) -> Result<(), Error> {
        self.here.block(chat, user, request).await
    }

    /// [`Chat::unblock_user`] of this `chat`; whoever was blocked may see again whether `user` is here.
    ///
    /// # Errors
    /// As there, and `rate_limited`.
    pub(crate) async fn unblock(
        &self,
        chat: &Chat,
        user: &UserId,
        request: UnblockUser,
    ) -> Result<(), Error> {
        self.here.unblock(chat, user, request).await
    }
}
