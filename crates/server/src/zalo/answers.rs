//! Answers on their way to Zalo. They go out after they are stored, one by one, and each at most once: if the node is
//! killed meanwhile, one may stay behind. One that did not go out is told of in the room.

use super::{SERVICE, client::Client};
use crate::config;
use plaza_chat::{Chat, Tasks, Webhook};
use plaza_protocol::{Content, RoomId, SendMessage, SentMessage, ZaloBody, ZaloUser};
use std::collections::VecDeque;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Answers that may wait.
const QUEUE: usize = 256;
/// Messages that are remembered, so that one that is sent again by its client does not go out again.
const REMEMBERED: usize = 1_024;

/// Where answers are handed in. Without an account, or without its token, nothing goes anywhere.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    inner: Option<Inner>,
}

#[derive(Clone)]
struct Inner {
    room: RoomId,
    waiting: mpsc::Sender<Answer>,
    chat: Chat,
}

struct Answer {
    message: String,
    to: ZaloUser,
    text: String,
}

/// Starts the task that sends them, among `tasks`.
pub(crate) fn start(
    settings: &config::Zalo,
    chat: &Chat,
    stop: CancellationToken,
    tasks: &Tasks,
) -> anyhow::Result<Answers> {
    let (Some(client), Some(room)) = (Client::new(settings)?, settings.room.clone()) else {
        return Ok(Answers::default());
    };
    if !settings.is_on() {
        return Ok(Answers::default());
    }
    let (waiting, answers) = mpsc::channel(QUEUE);
    let inner = Inner { room, waiting, chat: chat.clone() };
    let sending = inner.clone();
    tasks.spawn("answers to Zalo", async move {
        stop.run_until_cancelled(send_all(&sending, client, answers)).await;
    });
    Ok(Answers { inner: Some(inner) })
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("on", &self.inner.is_some()).finish()
    }
}

impl Answers {
    /// What of a message is an answer: to be asked before it is sent.
    pub(crate) fn in_message(&self, message: &SendMessage) -> Option<(ZaloUser, String)> {
        let inner = self.inner.as_ref()?;
        match &message.content {
            Content::Zalo(ZaloBody { to: Some(to), text: Some(text), .. })
                if message.room_id == inner.room =>
            {
                Some((to.clone(), text.clone()))
            }
            _ => None,
        }
    }

    /// Hands in an answer that is stored.
    pub(crate) async fn hand_in(&self, answer: Option<(ZaloUser, String)>, sent: &SentMessage) {
        let (Some(inner), Some((to, text))) = (&self.inner, answer) else { return };
        let answer = Answer { message: sent.id.clone(), to, text };
        if let Err(full) = inner.waiting.try_send(answer) {
            inner.tell(&full.into_inner(), "too many answers wait").await;
        }
    }
}

async fn send_all(inner: &Inner, client: Client, mut answers: mpsc::Receiver<Answer>) {
    let mut sent = VecDeque::with_capacity(REMEMBERED);
    while let Some(answer) = answers.recv().await {
        if sent.contains(&answer.message) {
            continue;
        }
        if sent.len() == REMEMBERED {
            sent.pop_front();
        }
        sent.push_back(answer.message.clone());
        if let Err(why) = client.send(&answer.to, &answer.text).await {
            tracing::warn!(message = answer.message, why, "An answer did not go out to Zalo");
            inner.tell(&answer, &why).await;
        }
    }
}

impl Inner {
    /// Tells the room that an answer did not go out.
    async fn tell(&self, answer: &Answer, why: &str) {
        let text = format!("The answer to {} was not sent: {why}.", answer.to.as_str());
        let body =
            ZaloBody { event: Some("answer_not_sent".to_owned()), to: None, text: Some(text), url: None };
        let (Ok(webhook), Ok(client_id)) =
            (Webhook::of_service(SERVICE, "", "Zalo".to_owned()), answer.message.parse())
        else {
            return;
        };
        let message = SendMessage { room_id: self.room.clone(), client_id, content: body.into() };
        if let Err(error) = self.chat.write_by_webhook(&webhook.sender, message).await {
            tracing::warn!(%error, "That an answer did not go out to Zalo could not be told");
        }
    }
}
