//! What is asked and said of people: who is online, who is writing, and who has blocked whom.

use super::commands::{Asker, Reply};
use plaza_protocol::{
    BlockUser, Done, Error, PresenceList, Typing, TypingEvent, UnblockUser, User, WatchPresence,
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

pub(super) async fn block(asker: Asker, request: BlockUser) -> Result<Done, Error> {
    let whom = asker.chat.block_user(&asker.seat()?.identity.user.id, request).await?;
    changed(&asker, &whom).await
}

pub(super) async fn unblock(asker: Asker, request: UnblockUser) -> Result<Done, Error> {
    let whom = asker.chat.unblock_user(&asker.seat()?.identity.user.id, request).await?;
    changed(&asker, &whom).await
}

/// One who has blocked somebody looks offline to them, from now on.
async fn changed(asker: &Asker, whom: &User) -> Result<Done, Error> {
    asker.here.presence.block_changed(&asker.seat()?.identity.user.id, &whom.id).await?;
    Ok(Done {})
}
