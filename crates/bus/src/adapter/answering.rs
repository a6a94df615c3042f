//! What this node answers to the others. They count on it: every question is answered, with nothing if need be.

use super::{ClusterAdapter, Inner, hooks::ServerEvent};
use crate::wire::{Answer, Body, Content, EMITTER};
use plaza_socketio::{Namespace, Outgoing, Payload, Room, Target};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

/// Longest that acknowledgements are waited for on behalf of another node, which has given up then.
const LONGEST: Duration = Duration::from_secs(3_600);

impl ClusterAdapter {
    fn answer(&self, name: &str, to: &str, request: &str, answer: Answer<'_>) {
        let channels = &self.0.channels;
        let everybody = channels.responses(name).filter(|_| to.is_empty() || to == EMITTER);
        let channel = everybody.unwrap_or_else(|| channels.responses_to(name, to));
        self.send(&channel, name, &Body::Answer { request: request.to_owned(), answer });
    }

    pub(super) fn tell_count(&self, name: &str, to: &str, request: &str, count: u64) {
        self.answer(name, to, request, Answer::Count(count));
    }

    pub(super) fn tell_sockets(
        &self,
        name: &str,
        to: &str,
        request: &str,
        namespace: Option<&Arc<Namespace>>,
        target: &Target,
    ) {
        let sockets = namespace.map(|namespace| namespace.infos(target)).unwrap_or_default();
        self.answer(name, to, request, Answer::Sockets(sockets));
    }

    pub(super) fn tell_ids(
        &self,
        name: &str,
        to: &str,
        request: &str,
        namespace: Option<&Arc<Namespace>>,
        target: &Target,
    ) {
        let sockets = namespace.map(|namespace| namespace.sockets(target)).unwrap_or_default();
        let ids = sockets.iter().map(|socket| socket.id().to_string()).collect();
        self.answer(name, to, request, Answer::Ids(ids));
    }

    pub(super) fn tell_rooms(&self, name: &str, to: &str, request: &str, namespace: Option<&Arc<Namespace>>) {
        let sockets = namespace.map(|namespace| namespace.sockets(&Target::default())).unwrap_or_default();
        let mut rooms: Vec<Room> = Vec::new();
        for socket in sockets {
            rooms.push(socket.id().as_str().into());
            rooms.extend(socket.rooms());
        }
        rooms.sort_unstable();
        rooms.dedup();
        self.answer(name, to, request, Answer::Rooms(rooms));
    }

    /// Asks this node's sockets for another node, and tells it of each acknowledgement as it comes.
    pub(super) fn ask_for(
        &self,
        to: &str,
        request: &str,
        namespace: &Arc<Namespace>,
        target: &Target,
        event: &Outgoing,
        within: Option<Duration>,
    ) {
        let Some(permit) = self.permit() else {
            return self.tell_count(namespace.name(), to, request, 0);
        };
        let mut asking = namespace.begin_to_ask(target, event);
        self.tell_count(namespace.name(), to, request, asking.asked() as u64);
        let until = Instant::now() + within.unwrap_or(self.0.options.answers_within).min(LONGEST);
        let (adapter, name) = (self.clone(), namespace.name().to_owned());
        let (to, request) = (to.to_owned(), request.to_owned());
        self.spawn(permit, async move {
            while let Ok(Some(answer)) = timeout_at(until, asking.next()).await {
                adapter.answer(&name, &to, &request, Answer::Ack(Content::first_of(&answer)));
            }
        });
    }

    /// Shows an event of another server's to the application, and tells what it answers.
    pub(super) fn server_event(
        &self,
        name: &str,
        to: &str,
        request: Option<String>,
        namespace: Option<&Arc<Namespace>>,
        event: String,
        payload: Payload,
    ) {
        let nothing = |request: Option<String>| {
            if let Some(request) = request {
                self.answer(name, to, &request, Answer::Emit(None));
            }
        };
        let (Some(handler), Some(namespace)) = (&self.0.hooks.server_event, namespace) else {
            return nothing(request);
        };
        let Some(permit) = self.permit() else { return nothing(request) };
        let answer = handler(ServerEvent { namespace: Arc::clone(namespace), name: event, payload });
        let (adapter, name, to) = (self.clone(), name.to_owned(), to.to_owned());
        self.spawn(permit, async move {
            let within = adapter.0.options.answers_within;
            let answer = timeout(within, answer).await.unwrap_or_default();
            if let Some(request) = request {
                adapter.answer(&name, &to, &request, Answer::Emit(answer));
            }
        });
    }

    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.0.answering).try_acquire_owned().ok();
        if permit.is_none() {
            self.0.counts.unanswered.fetch_add(1, Relaxed);
        }
        permit
    }

    fn spawn(&self, permit: OwnedSemaphorePermit, answering: impl Future<Output = ()> + Send + 'static) {
        let Inner { tasks, shutdown, .. } = &*self.0;
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            shutdown.run_until_cancelled(answering).await;
            drop(permit);
        });
    }
}
