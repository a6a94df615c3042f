//! A server to ask, clients to ask it with, and the patience to wait for what must come.

mod client;
mod http;
mod person;
pub(crate) mod raw;
mod server;

pub(crate) use client::{Client, Packet};
pub(crate) use http::{Polling, Response, ask, upgrade};
pub(crate) use person::{Kept, Person, config, plain, recovering};
pub(crate) use server::{Server, one};

use std::{fmt::Debug, future::Future, time::Duration};
use tokio::sync::mpsc;

/// How long what must come may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} in vain for: {what}"),
    }
}

/// Waits until a condition holds that nothing announces.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while !holds() {
            look.tick().await;
        }
    })
    .await;
}

/// What handlers tell the test, in the order they told it.
pub(crate) struct Told<T>(mpsc::UnboundedReceiver<T>);

/// Where a handler puts what it has to tell, and where the test reads it.
pub(crate) fn telling<T>() -> (mpsc::UnboundedSender<T>, Told<T>) {
    let (tell, told) = mpsc::unbounded_channel();
    (tell, Told(told))
}

impl<T: Debug + PartialEq> Told<T> {
    pub(crate) async fn next(&mut self) -> T {
        soon("what a handler tells", self.0.recv()).await.unwrap()
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            taken.push(self.next().await);
        }
        taken
    }

    /// What has been told already.
    pub(crate) fn now(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }

    /// Nothing has been told that was not taken.
    pub(crate) fn nothing_yet(&mut self) {
        let told = self.now();
        assert!(told.is_empty(), "nothing should have been told, and it was {told:?}");
    }

    /// Nothing is told for this long.
    pub(crate) async fn nothing_for(&mut self, long: Duration) {
        if let Ok(told) = tokio::time::timeout(long, self.0.recv()).await {
            panic!("nothing should have been told, and it was {told:?}");
        }
    }
}
