//! The namespaces of a server: those it was built with, and those that come and go with their sockets.
//!
//! One that was made for a client lives as long as anybody has it: its sockets, whoever holds one, a session that may be
//! recovered. So none is ever let go of between a client's arrival and its connection, and none stays empty.

use crate::{adapter::Adapter, config::Config, handlers::Handlers, namespace::Namespace};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

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

impl Namespaces {
    pub(crate) fn new(
        config: Config,
        fixed: Vec<(String, Handlers)>,
        families: Vec<Family>,
        adapter: Arc<dyn Adapter>,
    ) -> Arc<Self> {
        let named = |(name, handlers): (String, Handlers)| {
            let namespace = Namespace::new(&name, Arc::new(handlers), Arc::clone(&adapter), Weak::new());
            (name.into(), namespace)
        };
        let fixed = fixed.into_iter().map(named).collect();
        Arc::new(Self { config, fixed, families, made: Mutex::default(), adapter })
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
        let namespace = Namespace::new(name, handlers, adapter, Arc::downgrade(self));
        made.insert(name.into(), Arc::downgrade(&namespace));
        Ok(namespace)
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
