//! Configuration: defaults, then a file, then the environment, then flags.
//!
//! `config/default.toml` is compiled in and documents every key with its unit and bounds; it also *is* the list of
//! keys: what it does not name is refused by name. Each concern is a small struct that checks its own bounds.
//! Nothing here reads the environment or the command line: both come in as arguments.

mod alerts;
mod auth;
mod bus;
mod chat;
mod drain;
mod error;
mod layer;
mod limits;
mod log;
mod metrics;
mod server;
mod socket;
mod store;
mod tls;
mod web;
mod webhooks;

#[cfg(test)]
mod tests;

pub use alerts::Alerts;
pub use auth::Auth;
pub use bus::{Bus, BusKind, BusMode};
pub use drain::Drain;
pub use error::ConfigError;
pub use layer::ENV_PREFIX;
pub use limits::{AddressRates, Limits, PersonRates, Rates};
pub use log::{Log, LogFormat};
pub use metrics::Metrics;
pub use server::Server;
pub use socket::Socket;
pub use store::{Durability, Store};
pub use tls::Tls;
pub use web::Web;
pub use webhooks::{Webhooks, Zalo};

use crate::gateway::ClusterOptions;
use figment::{Figment, value::Value};
use layer::Layer;
use serde::Deserialize;
use std::path::PathBuf;

/// The defaults: every key with its documentation.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");
/// Keys whose values are never shown, and never read from a file of settings.
const SECRETS: [&str; 5] = [
    "alerts.secret",
    "auth.secret",
    "bus.password",
    "webhooks.zalo.secret_key",
    "webhooks.zalo.access_token",
];
/// Keys with lists of URLs that may hold passwords: those are never shown, and never read from a file of settings.
const URLS: [&str; 2] = ["bus.urls", "bus.pairs"];
/// One whose value may hold a secret, and is shown without it.
const SERVER_URL: &str = "store.url";

/// Everything a node is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listening, trust, stopping.
    pub server: Server,
    /// The data.
    pub store: Store,
    /// What carries what nodes tell each other.
    pub bus: Bus,
    /// The signing secret.
    pub auth: Auth,
    /// How often somebody may try to come in.
    pub limits: Limits,
    /// Accounts, rooms, messages.
    pub chat: plaza_chat::Settings,
    /// Socket.IO connections.
    pub socket: Socket,
    /// The operator's figures.
    pub metrics: Metrics,
    /// Who is told when a node has stopped by itself.
    pub alerts: Alerts,
    /// Programs that write into rooms.
    pub webhooks: Webhooks,
    /// The browser client.
    pub web: Web,
    /// The log.
    pub log: Log,
}

/// Where settings come from beside the defaults, the later ones standing above the earlier.
#[derive(Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those that are no settings are passed over.
    pub environment: Vec<(String, String)>,
    /// Flags, as `(key, text)`.
    pub flags: Vec<(&'static str, String)>,
}

/// A configuration that holds, and where each value came from.
pub struct Loaded {
    /// The values.
    pub config: Config,
    figment: Figment,
    keys: Vec<String>,
}

impl Config {
    /// Reads and checks all sources. The error is one sentence that names source and key.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
        let defaults = Layer::from_toml("the defaults", DEFAULTS)?;
        let mut figment = Figment::from(defaults.clone());
        if let Some(path) = &sources.file {
            let text = std::fs::read_to_string(path)
                .map_err(|why| ConfigError::Unreadable { path: path.clone(), why })?;
            let file = Layer::from_toml(path.display().to_string(), &text)?;
            file.check(&defaults)?;
            refuse_secrets(&file)?;
            figment = figment.merge(file);
        }
        figment = figment
            .merge(Layer::from_env(sources.environment.iter().cloned(), &defaults)?)
            .merge(Layer::from_flags(&sources.flags, &defaults)?);
        let mut config: Self = figment.extract().map_err(|error| ConfigError::from_figment(&error))?;
        config.auth.read_secret()?;
        config.bus.read_password()?;
        config.alerts.read_secret()?;
        config.store.read_url()?;
        config.webhooks.read_secret()?;
        config.check()?;
        chat::complete(&mut config.chat, &config.auth, &config.socket)?;
        Ok(Loaded { config, figment, keys: defaults.keys() })
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.store.check()?;
        self.bus.check()?;
        self.auth.check()?;
        self.limits.check()?;
        self.socket.check()?;
        self.alerts.check()?;
        self.webhooks.check()?;
        self.web.check()?;
        self.log.check()?;
        self.cluster()?;
        self.check_roles()
    }

    /// How this node is one of several, if it is.
    ///
    /// # Errors
    /// Where what was configured is half a cluster.
    pub fn cluster(&self) -> Result<Option<ClusterOptions>, ConfigError> {
        self.bus.cluster(self.store.server()?.is_some())
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment holds secrets, Plaza's and others'.
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        let (file, flags) = (&self.file, &self.flags);
        f.debug_struct("Sources")
            .field("file", file)
            .field("environment", &names)
            .field("flags", flags)
            .finish()
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The figment holds secrets as plain values.
        f.debug_struct("Loaded").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Loaded {
    /// One line a key: what is in force and, where it is not the default, who said so. Secrets are masked.
    pub fn describe(&self) -> Vec<String> {
        let line = |key: &String| {
            let value = self.figment.find_value(key).ok()?;
            let text = match &value {
                Value::String(_, text) if SECRETS.contains(&key.as_str()) && !text.is_empty() => {
                    "(set, not shown)".to_owned()
                }
                Value::Array(_, urls) if URLS.contains(&key.as_str()) => {
                    format!("[{}]", urls.iter().map(show_url).collect::<Vec<_>>().join(", "))
                }
                Value::String(_, url) if key == SERVER_URL && !url.is_empty() => store::shown(url),
                value => show(value),
            };
            let origin = self.figment.get_metadata(value.tag()).map_or("", |metadata| &metadata.name);
            Some(match origin {
                "the defaults" => format!("{key} = {text}"),
                origin => format!("{key} = {text}  # {origin}"),
            })
        };
        self.keys.iter().filter_map(line).collect()
    }
}

/// A file of settings is copied, committed and mailed; a secret is not.
fn refuse_secrets(file: &Layer) -> Result<(), ConfigError> {
    let secret_url = |value: &Value| value.as_str().is_some_and(store::has_password);
    let url = Some(SERVER_URL).filter(|key| file.get(key).is_some_and(secret_url));
    if let Some(key) = SECRETS.into_iter().find(|key| file.get(key).is_some()).or(url) {
        let why = format!("belongs in the environment or in a file named by {key}_file, not here");
        return Err(ConfigError::Value { origin: file.origin.clone(), key: key.to_owned(), why });
    }
    for key in URLS {
        let Some(Value::Array(_, urls)) = file.get(key) else { continue };
        if urls.iter().any(|url| url.as_str().is_some_and(|url| hide_password(url) != url)) {
            let why = "holds a password; it belongs in the environment, in bus.password or in a file named by \
                       bus.password_file, not here";
            return Err(ConfigError::Value {
                origin: file.origin.clone(),
                key: key.to_owned(),
                why: why.to_owned(),
            });
        }
    }
    Ok(())
}

/// A URL without what somebody must say to be let in.
fn hide_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let shown = match (rest.rsplit_once('@'), rest.split_once('?')) {
        (Some((_, address)), _) => format!("(not shown)@{address}"),
        (None, Some((path, _))) => format!("{path}?(not shown)"),
        (None, None) => return url.to_owned(),
    };
    format!("{scheme}://{shown}")
}

fn show_url(value: &Value) -> String {
    value.as_str().map_or_else(|| show(value), |url| format!("{:?}", hide_password(url)))
}

/// A value as TOML.
fn show(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, letter) => format!("{:?}", letter.to_string()),
        Value::Bool(_, yes) => yes.to_string(),
        Value::Num(_, number) => number
            .to_i128()
            .or_else(|| number.to_u128().and_then(|n| i128::try_from(n).ok()))
            .map_or_else(|| number.to_f64().unwrap_or_default().to_string(), |whole| whole.to_string()),
        Value::Array(_, items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Dict(..) | Value::Empty(..) => String::new(),
    }
}

/// Checks that a number is within its bounds, both included.
fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Bounds(format!("{key} must be {least} to {most}, not {value}")))
}
