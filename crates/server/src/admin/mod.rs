//! `plaza admin`: administrators, webhooks, and links by which somebody sets a password anew.
//!
//! It works on the data itself, beside a node that is running or without one, since the first administrator is made
//! before anybody could be asked; links can also be asked of a server elsewhere. What was made stands alone on stdout,
//! for scripts; what is to be said about it goes to stderr. A password is read from a terminal that does not show it,
//! from a file or from stdin, never from an argument, which other users of the machine see.

mod drain;
mod elsewhere;
mod password;
mod webhook;

pub use drain::{Drain, drain};

use crate::{
    config::{Config, Sources},
    http::reset_page,
    start,
};
use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use plaza_chat::{Administration, Random, SystemClock, SystemRandom};
use plaza_protocol::Timestamp;
use plaza_store::{Store, StoreOptions};
use std::{io::Write, path::PathBuf, sync::Arc};

/// What is to be done, and on what data.
#[derive(Debug, Args)]
pub struct Admin {
    #[command(subcommand)]
    command: Command,
    /// The folder of the data [default: ./data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// A file of settings
    #[arg(long, value_name = "FILE", env = "PLAZA_CONFIG", hide_env_values = true, global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an account that is an administrator's; its password is asked for, or read from stdin
    Create {
        /// 1 to 32 letters, digits, dots, underscores or hyphens
        name: String,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Make an account an administrator's
    Grant {
        /// The account's name
        name: String,
    },
    /// Take that from an account again
    Revoke {
        /// The account's name
        name: String,
    },
    /// Say who the administrators are
    List,
    /// Programs that write into rooms, and their keys
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    /// Print a link by which the owner of an account sets a password anew, once
    ResetLink {
        /// The account's name
        name: String,
        /// Ask this server instead of the data here, such as http://127.0.0.1:3000
        #[arg(long, value_name = "URL", requires = "as_whom")]
        server: Option<String>,
        /// As this administrator, whose password is asked for, or read from stdin
        #[arg(long = "as", id = "as_whom", value_name = "ADMIN", requires = "server")]
        admin: Option<String>,
        #[command(flatten)]
        password: PasswordFrom,
    },
}

#[derive(Debug, Args)]
struct PasswordFrom {
    /// Read the password from this file
    #[arg(
        long = "password-file",
        value_name = "FILE",
        env = "PLAZA_ADMIN_PASSWORD_FILE",
        hide_env_values = true
    )]
    file: Option<PathBuf>,
}

impl Admin {
    /// The file of settings.
    pub fn config(&self) -> Option<PathBuf> {
        self.config.clone()
    }

    /// The flags that are settings.
    pub fn flags(&self) -> Vec<(&'static str, String)> {
        self.data.iter().map(|folder| ("store.data", folder.display().to_string())).collect()
    }
}

/// Does it.
///
/// # Errors
/// One sentence: what is wrong with the settings, the data, the name or the password.
pub async fn run(
    admin: Admin,
    sources: &Sources,
    out: &mut (dyn Write + Send),
    notes: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    if let Command::ResetLink { name, server: Some(server), admin: Some(who), password } = &admin.command {
        let password = password::of_somebody(password.file.as_deref(), who).await?;
        let reset = elsewhere::reset_link(server, who, password, name).await?;
        return give(out, notes, &reset.user.name, reset.link.expose(), reset.expires_at);
    }
    let config = Config::load(sources)?.config;
    if !matches!(admin.command, Command::Create { .. }) {
        require_data(&config)?;
    }
    match admin.command {
        Command::Create { name, password } => {
            // Asked for before the data is opened, so that nobody waits for one who types.
            let password = password::new(password.file.as_deref(), &name).await?;
            let user = on_data(&config, async |office| office.create(&name, &password).await).await.map_err(|error| {
                match error.downcast_ref::<plaza_protocol::Error>() {
                    Some(refused) if refused.code == plaza_protocol::Code::Conflict => {
                        anyhow!("{refused} To make an account that exists an administrator's: plaza admin grant {name:?}")
                    }
                    _ => error,
                }
            })?;
            writeln!(out, "{}", user.name)?;
            writeln!(notes, "@{} is an administrator now.", user.name)?;
        }
        Command::Grant { name } => {
            let user = on_data(&config, async |office| office.set(&name, true).await).await?;
            writeln!(notes, "@{} is an administrator now.", user.name)?;
        }
        Command::Revoke { name } => {
            let user = on_data(&config, async |office| office.set(&name, false).await).await?;
            writeln!(notes, "@{} is no administrator (any more).", user.name)?;
        }
        Command::List => {
            let users = on_data(&config, async |office| office.list().await).await?;
            for user in &users {
                writeln!(out, "{}", user.name)?;
            }
            if users.is_empty() {
                writeln!(notes, "There is no administrator: plaza admin create NAME makes one.")?;
            }
        }
        Command::Webhook(command) => webhook::run(command, &config, out, notes).await?,
        Command::ResetLink { name, .. } => {
            let reset = on_data(&config, async |office| office.reset_token(&name).await).await?;
            let at = where_people_come(&config);
            give(out, notes, &reset.user.name, &reset_page(&at, &reset.token), reset.expires_at)?;
        }
    }
    Ok(())
}

/// Where a link begins: as configured, or where a node with these settings listens.
fn where_people_come(config: &Config) -> String {
    match config.server.public_url.as_str() {
        "" => start::url(config, config.server.listen),
        url => url.to_owned(),
    }
}

fn give(
    out: &mut dyn Write,
    notes: &mut dyn Write,
    name: &str,
    link: &str,
    expires_at: Timestamp,
) -> anyhow::Result<()> {
    writeln!(out, "{link}")?;
    writeln!(
        notes,
        "Give this to @{name} alone: it sets a password once, until {expires_at}, and ends every session."
    )?;
    Ok(())
}

/// Refuses where there is no data, which would be made: more likely it is elsewhere.
fn require_data(config: &Config) -> anyhow::Result<()> {
    let folder = config.store.data.display();
    if config.store.server()?.is_some() || config.store.file().exists() {
        return Ok(());
    }
    Err(anyhow!(
        "There is no data in {folder}. Say with --data where the server's is; plaza admin create NAME begins it here."
    ))
}

/// Does something with the data of these settings, whether or not a node is running on it.
async fn on_data<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Administration) -> Result<T, plaza_protocol::Error>,
) -> anyhow::Result<T> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let options = StoreOptions { readers: 1, ..config.store.options(random.bytes())? };
    let store = Store::open_alongside(options, plaza_chat::MIGRATIONS).await?;
    let office =
        Administration::open(store.clone(), Arc::new(SystemClock), random, config.chat.clone()).await;
    let office = office.context("Cannot start")?;
    let done = work(&office).await;
    store.close().await;
    Ok(done?)
}
