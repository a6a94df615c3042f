//! What a process of Plaza does: all there is, or some of it as a service of its own.
//!
//! Every role is one file, with `run(deps, listener, shutdown)`; one table says what each needs. What they share (the
//! store, chat, the bus, the operator's address) is the process's, and made once: see [`serve`](crate::serve).

pub(crate) mod gateway;
pub(crate) mod webhooks;

use crate::{
    config::{BusKind, Config, ConfigError},
    http::{
        self,
        connection::{Connections, Entrance},
    },
    tls::Tls,
};
use axum::Router;
use clap::ValueEnum;
use plaza_chat::Random;
use serde::Deserialize;
use std::{convert::Infallible, fmt, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::CancellationToken;

/// Something that a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Clients: Socket.IO, the API and the page
    Gateway,
    /// Programs that write into rooms
    Webhooks,
}

/// What a role needs, beside the store.
struct Needs {
    role: Role,
    /// Where it listens, if that is configured.
    listens: fn(&Config) -> Option<SocketAddr>,
    /// The setting for that.
    setting: &'static str,
    /// At whose address it is served where it has none of its own.
    else_with: Option<Role>,
    /// Clients hear of what it does. They are in this process, or those that they are in share the store and a bus.
    clients: bool,
}

/// What each role needs.
const TABLE: [Needs; 2] = [
    Needs {
        role: Role::Gateway,
        listens: |config| Some(config.server.listen),
        setting: "server.listen (--listen)",
        else_with: None,
        clients: false,
    },
    Needs {
        role: Role::Webhooks,
        listens: |config| config.webhooks.listen,
        setting: "webhooks.listen",
        else_with: Some(Role::Gateway),
        clients: true,
    },
];

impl Role {
    /// As it is written in `server.roles`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Webhooks => "webhooks",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Config {
    /// Whether this process has that role.
    pub fn has(&self, role: Role) -> bool {
        let is_on = match role {
            Role::Gateway => true,
            Role::Webhooks => self.webhooks.enabled,
        };
        is_on && self.server.roles.contains(&role)
    }

    /// Whether webhooks are answered where clients are.
    pub(crate) fn posts_at_gateway(&self) -> bool {
        self.has(Role::Webhooks) && self.webhooks.listen.is_none()
    }

    /// Where a role that this process has listens, and by which setting; `None`: where another does.
    pub(crate) fn listens(&self, role: Role) -> Option<(SocketAddr, &'static str)> {
        let needs = TABLE.iter().find(|needs| needs.role == role && self.has(role))?;
        Some(((needs.listens)(self)?, needs.setting))
    }

    /// Whether each role has what it needs.
    pub(crate) fn check_roles(&self) -> Result<(), ConfigError> {
        let wrong = |why: String| Err(ConfigError::Bounds(why));
        if !TABLE.iter().any(|needs| self.has(needs.role)) {
            let why = match self.server.roles.as_slice() {
                [] => "server.roles is empty: name \"gateway\", \"webhooks\" or both",
                _ => {
                    "server.roles is \"webhooks\" alone, and webhooks.enabled is false: nothing would be served"
                }
            };
            return wrong(why.into());
        }
        for Needs { role, listens, setting, else_with, clients } in
            TABLE.iter().filter(|needs| self.has(needs.role))
        {
            if listens(self).is_none() && !else_with.is_some_and(|other| self.has(other)) {
                return wrong(format!(
                    "role {role} without role {} needs an address of its own: set {setting}",
                    else_with.map_or("", Role::name)
                ));
            }
            if !clients || self.has(Role::Gateway) {
                continue;
            }
            if self.store.server()?.is_none() {
                return wrong(format!(
                    "role {role} without role gateway cannot use a data file: the process that clients are connected to \
                     has it, and its lock. Set store.url to a PostgreSQL server, for both"
                ));
            }
            if self.bus.kind == BusKind::Local {
                return wrong(format!(
                    "role {role} without role gateway needs a bus: members who are connected to other processes would \
                     hear nothing of it. Set bus.kind, for all of them"
                ));
            }
        }
        Ok(())
    }
}

/// What every role works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Deps {
    pub(crate) config: Arc<Config>,
    pub(crate) state: http::State,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) tls: Option<Tls>,
    /// Those who have come in, by whichever role.
    pub(crate) connections: Connections,
}

impl Deps {
    /// What is answered at this listener: who needs no key there depends on who can reach it.
    fn state_at(&self, listener: &TcpListener) -> http::State {
        let local = listener.local_addr().is_ok_and(|addr| addr.ip().to_canonical().is_loopback());
        let keyless = local && self.config.webhooks.keyless_on_loopback;
        http::State { keyless, ..self.state.clone() }
    }

    /// Lets in whoever comes, until `leaving` is over. Those who are in stay.
    async fn let_in(&self, listener: TcpListener, router: Router, leaving: impl Future<Output = ()>) {
        let entrance = Entrance::new(listener, self.tls.clone(), &self.config, router);
        let leave = CancellationToken::new();
        tokio::join!(self.connections.accept(entrance, &leave), async {
            leaving.await;
            leave.cancel();
        });
    }
}

/// How a process stops, as its roles are told: they let go of who is here, and then they close.
#[derive(Clone)]
pub(crate) struct Shutdown {
    /// Nobody new is to come, and who is here is let go.
    draining: CancellationToken,
    /// The time for that is over.
    pub(crate) closing: CancellationToken,
    /// Held while somebody is still to be let go.
    going: mpsc::Sender<Infallible>,
}

/// Tells when all roles have let go of who was here.
pub(crate) struct LetGo(mpsc::Receiver<Infallible>);

impl LetGo {
    /// Waits for that.
    pub(crate) async fn gone(&mut self) {
        self.0.recv().await;
    }
}

impl Shutdown {
    /// Of a process that is to stop with `draining`.
    pub(crate) fn new(draining: CancellationToken) -> (Self, LetGo) {
        let (going, gone) = mpsc::channel(1);
        (Self { draining, closing: CancellationToken::new(), going }, LetGo(gone))
    }

    /// Once the process drains, lets go of who is here: `gently`, and `at_once` where it must close before that is done.
    /// Then waits for the close.
    async fn drain(self, gently: impl AsyncFnOnce(), at_once: impl AsyncFnOnce()) {
        let Self { draining, closing, going } = self;
        draining.cancelled().await;
        if closing.run_until_cancelled(gently()).await.is_none() {
            at_once().await;
        }
        drop(going);
        closing.cancelled().await;
    }
}
