//! `plaza migrate`, `plaza move-store` and `plaza new-epoch`: the store's layout and place.

use crate::{
    backup::{Data, Flag},
    config::{Config, Sources},
    meter::Meter,
};
use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use plaza_chat::{MIGRATIONS, Random, TABLES};
use plaza_store::{Moving, Place, ServerUrl, Store, StoreOptions};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// What can be done with the store as such.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the data's layout up to this version, without serving; a start does the same
    Migrate {
        /// Only say what is to be done, and end with status 1 where it is something
        #[arg(long)]
        check: bool,
        /// Which data.
        #[command(flatten)]
        data: Data,
    },
    /// Move the data from a SQLite file to a PostgreSQL server, while no node uses either
    MoveStore {
        /// The database file, or the folder that it is in
        from: PathBuf,
        /// The server, such as postgres://plaza@db/plaza; one with a password is better given as store.url
        /// [default: store.url]
        to: Option<String>,
        /// A file of settings
        #[arg(long, value_name = "FILE", env = "PLAZA_CONFIG", hide_env_values = true)]
        config: Option<PathBuf>,
    },
    /// After a PostgreSQL server was set back to an earlier state: have clients reload, while no node runs
    NewEpoch {
        /// A file of settings
        #[arg(long, value_name = "FILE", env = "PLAZA_CONFIG", hide_env_values = true)]
        config: Option<PathBuf>,
    },
}

/// Does one of them. What came of it goes to `out`, how far it is to `progress`.
///
/// # Errors
/// One sentence.
pub async fn run(
    command: Command,
    sources: impl FnOnce(Option<PathBuf>, Vec<Flag>) -> Sources,
    random: &dyn Random,
    out: &mut (dyn Write + Send),
    progress: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let said = match command {
        Command::Migrate { check, data } => migrate(&data.config(sources)?, check, random, progress).await?,
        Command::MoveStore { from, to, config } => {
            let config = Config::load(&sources(config, Vec::new()))?.config;
            let to = match to {
                Some(to) => to.parse().map_err(|why| anyhow!("TO {why}"))?,
                None => config.store.server()?.context("Say where to: as TO, or as store.url")?,
            };
            move_store(&file(&from), &to, random, progress).await?
        }
        Command::NewEpoch { config } => {
            let config = Config::load(&sources(config, Vec::new()))?.config;
            let server = config.store.server()?;
            let server =
                server.context("There is no store.url; a file gets a new epoch by `plaza restore`")?;
            let epoch = plaza_store::new_epoch(&server, MIGRATIONS, random.bytes()).await?;
            format!("The epoch of {server} is new ({epoch}): clients that come back reload their rooms.")
        }
    };
    writeln!(out, "{said}").context("Done, but nobody could be told")
}

async fn migrate(
    config: &Config,
    check: bool,
    random: &dyn Random,
    progress: &mut (dyn Write + Send),
) -> anyhow::Result<String> {
    let place = config.store.place()?;
    let pending = Store::pending(&place, MIGRATIONS).await?;
    for step in &pending {
        writeln!(progress, "{} {}: {}", if check { "lacks" } else { "applying" }, step.version, step.name)?;
    }
    match pending.len() {
        0 => Ok(format!("The layout of {place} is up to date.")),
        count if check => Err(anyhow!("The layout of {place} lacks {count} of this version's steps.")),
        count => {
            let store = Store::open(config.store.options(random.bytes())?, MIGRATIONS).await?;
            store.close().await;
            Ok(format!("The layout of {place} is up to date: {count} steps were applied."))
        }
    }
}

async fn move_store(
    from: &Path,
    to: &ServerUrl,
    random: &dyn Random,
    progress: &mut (dyn Write + Send),
) -> anyhow::Result<String> {
    let file = StoreOptions::at(Place::File(from.to_owned()), random.bytes());
    let mut meter = Meter::new(progress);
    let moved = plaza_store::move_store(file, to, MIGRATIONS, TABLES, |at: Moving<'_>| {
        let Moving { table, rows, of, comparing } = at;
        let doing = if comparing { "comparing" } else { "copying" };
        meter.show(rows, of, || format!("{doing} {table}: {rows} of {of} rows"));
    });
    let moved = moved.await;
    meter.end();
    let moved = moved?;
    let mut lines = Vec::new();
    for (table, rows, checksum) in &moved.tables {
        lines.push(format!("  {table:<14} {rows:>12} rows  {checksum:016x}"));
    }
    let from = from.display();
    lines.push(format!(
        "Moved {from} to {to}, and read all of it back; the epoch is as before ({}). From now on serve with store.url; \
         nothing must be served from the file any more.",
        moved.epoch
    ));
    Ok(lines.join("\n"))
}

/// The file that somebody means who names it or its folder.
fn file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("plaza.db") } else { path.to_owned() }
}
