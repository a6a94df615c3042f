//! The namespaces of a server: those it was built with, and those that come and go with their sockets.
//!
//! One that was made for a client lives as long as anybody has it: its sockets, whoever holds one, a session that may be
//! recovered. So none is ever let go of between a client's arrival and its connection, and none stays empty.

use crate::{adapter::Adapter, config::Config, handlers::Handlers, namespace::Namespace, recovery::Memory};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

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
    /// Whether what is old is being forgotten from time to time.
    forgetting: AtomicBool,
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

/// Those that somebody may come back to, and until when.
type Kept = HashMap<Box<str>, (Instant, Arc<Namespace>)>;

/// Least time between two looks for what is old.
const LEAST_BETWEEN: Duration = Duration::from_millis(10);

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
        let (made, kept, forgetting) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { config, fixed, families, made, kept, forgetting, adapter })
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
        let until = Instant::now() + window;
        let before = self.kept().insert(namespace.name().into(), (until, namespace));
        // It may be the last of an earlier one, which locks what is locked above.
        drop(before);
    }

    /// Where there is recovery, has what nobody comes back for any more forgotten from time to time, also where nothing
    /// else happens. To be called when a client comes, which is in the runtime; once is enough.
    pub(crate) fn forget_from_now_on(self: &Arc<Self>) {
        let Some(recovery) = self.config.recovery else { return };
        if self.forgetting.swap(true, Ordering::Relaxed) {
            return;
        }
        let (namespaces, pause) = (Arc::downgrade(self), (recovery.window / 8).max(LEAST_BETWEEN));
        tokio::spawn(async move {
            loop {
                sleep(pause).await;
                let Some(namespaces) = namespaces.upgrade() else { return };
                namespaces.forget_old(Instant::now());
            }
        });
    }

    /// Lets go of the namespaces, and of what is remembered in the others, that nobody comes back to any more.
    fn forget_old(&self, now: Instant) {
        let past: Vec<_> = self.kept().extract_if(|_, (until, _)| *until < now).collect();
        drop(past);
        for namespace in self.all() {
            if let Some(memory) = namespace.memory() {
                memory.forget_old(now);
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{adapter::Alone, config::Recovery};

    #[test]
    fn what_is_too_old_is_forgotten_in_all_namespaces() {
        let config = Config { recovery: Some(Recovery::default()), ..Config::default() };
        let window = config.recovery.unwrap().window + config.ping_interval + config.ping_timeout;
        let family = Family { predicate: Box::new(|_, _| true), handlers: Arc::default() };
        let fixed = vec![("/".to_owned(), Handlers::default())];
        let namespaces = Namespaces::new(config, fixed, vec![family], Arc::new(Alone));
        let all = ["/", "/made"].map(|name| namespaces.find_or_make(name, &Value::Null).unwrap());
        let kept = |namespace: &Arc<Namespace>| namespace.memory().unwrap().packets();
        for namespace in &all {
            namespace.emit("event", &[1]).unwrap();
            assert_eq!(kept(namespace), 1);
        }
        namespaces.forget_old(Instant::now());
        assert_eq!(all.each_ref().map(kept), [1, 1]);
        namespaces.forget_old(Instant::now() + window + Duration::from_secs(1));
        assert_eq!(all.each_ref().map(kept), [0, 0]);
    }
}
