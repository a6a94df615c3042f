//! The namespaces of a server: those it was built with, and those that come and go with their sockets.
//!
//! One that was made for a client lives as long as anybody has it: its sockets, whoever holds one, a session that may be
//! recovered. So none is ever let go of between a client's arrival and its connection, and none stays empty.

use crate::{adapter::Adapter, config::Config, handlers::Handlers, namespace::Namespace, recovery::Memory};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::time::Instant;

/// Longest name that one can be made by, in bytes.
const LONGEST_NAME: usize = 255;

/// Whether there shall be a namespace of this name, for a client with this `auth`.
pub(crate) type Predicate = Box<dyn Fn(&str, &Value) -> bool + Send + Sync>;

/// Namespaces made on demand, alike but for their names.
pub(crate) struct Family {
    pub(crate) predicate: Predicate,
    pub(crate) handlers: Arc<Handlers>,
}

/// What a client needs of its server.
pub(crate) struct Namespaces {
    pub(crate) config: Config,
    fixed: HashMap<Box<str>, Arc<Namespace>>,
    families: Vec<Family>,
    made: Mutex<HashMap<Box<str>, Weak<Namespace>>>,
    kept: Mutex<Kept>,
    adapter: Arc<dyn Adapter>,
}

/// Why a client gets no namespace of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotFound {
    /// There is none, nor shall there be.
    #[error("Invalid namespace")]
    Invalid,
    /// There are as many as may be.
    #[error("Too many namespaces")]
    TooMany,
}

/// Namespaces that somebody may come back to.
#[derive(Default)]
struct Kept {
    until: HashMap<Box<str>, (Instant, Arc<Namespace>)>,
    looked: Option<Instant>,
}

impl Namespaces {
    pub(crate) fn new(
        config: Config,
        fixed: Vec<(String, Handlers)>,
        families: Vec<Family>,
        adapter: Arc<dyn Adapter>,
    ) -> Arc<Self> {
        let memory = memory_of(&config);
        let named = |(name, handlers): (String, Handlers)| {
            let namespace =
                Namespace::new(&name, Arc::new(handlers), Arc::clone(&adapter), Weak::new(), memory());
            (name.into(), namespace)
        };
        let fixed = fixed.into_iter().map(named).collect();
        drop(memory);
        Arc::new(Self { config, fixed, families, made: Mutex::default(), kept: Mutex::default(), adapter })
    }

    /// The one of this name, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Namespace>> {
        self.fixed.get(name).cloned().or_else(|| self.lock().get(name)?.upgrade())
    }

    /// All there are.
    pub(crate) fn all(&self) -> Vec<Arc<Namespace>> {
        let mut all: Vec<_> = self.fixed.values().cloned().collect();
        all.extend(self.lock().values().filter_map(Weak::upgrade));
        all
    }

    /// The one of this name, which is made if it may be.
    pub(crate) fn find_or_make(
        self: &Arc<Self>,
        name: &str,
        auth: &Value,
    ) -> Result<Arc<Namespace>, NotFound> {
        if let Some(namespace) = self.find(name) {
            return Ok(namespace);
        }
        if name.len() > LONGEST_NAME || !name.starts_with('/') {
            return Err(NotFound::Invalid);
        }
        let wanted = |family: &&Family| (family.predicate)(name, auth);
        let family = self.families.iter().find(wanted).ok_or(NotFound::Invalid)?;
        self.let_go(Instant::now());
        let mut made = self.lock();
        // Meanwhile another client may have been quicker.
        if let Some(namespace) = made.get(name).and_then(Weak::upgrade) {
            return Ok(namespace);
        }
        if made.len() >= self.config.max_dynamic_namespaces && !made.contains_key(name) {
            return Err(NotFound::TooMany);
        }
        let (handlers, adapter) = (Arc::clone(&family.handlers), Arc::clone(&self.adapter));
        let namespace =
            Namespace::new(name, handlers, adapter, Arc::downgrade(self), memory_of(&self.config)());
        made.insert(name.into(), Arc::downgrade(&namespace));
        Ok(namespace)
    }

    /// Keeps one for this long though nobody may be there.
    pub(crate) fn keep(&self, namespace: Arc<Namespace>, window: Duration) {
        let now = Instant::now();
        let mut kept = self.kept();
        let before = kept.until.insert(namespace.name().into(), (now + window, namespace));
        drop(kept);
        drop(before);
        self.let_go(now);
    }

    /// Lets go of those that nobody comes back to any more; looks now and then.
    fn let_go(&self, now: Instant) {
        let Some(recovery) = self.config.recovery else { return };
        let mut kept = self.kept();
        if kept.looked.is_some_and(|looked| now < looked + recovery.window / 8) {
            return;
        }
        kept.looked = Some(now);
        let past: Vec<_> = kept.until.extract_if(|_, (until, _)| *until < now).collect();
        // One may be dropped here, and then locks what is locked.
        drop(kept);
        drop(past);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One is no more. Under its name there may be another by now.
    pub(crate) fn forget(&self, name: &str) {
        let mut made = self.lock();
        if made.get(name).is_some_and(|namespace| namespace.strong_count() == 0) {
            made.remove(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Weak<Namespace>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new memory for each namespace, where there is recovery.
fn memory_of(config: &Config) -> impl Fn() -> Option<Memory> {
    || config.recovery.map(|recovery| Memory::new(recovery, config))
}
