//! `plaza backup` and `plaza restore`: the data as one file, and back.

use crate::{
    config::{Config, Sources},
    meter::Meter,
};
use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use plaza_chat::{MIGRATIONS, Random};
use plaza_store::Progress;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

const INSTEAD_OF_BACKUP: &str = "take the backup with pg_dump, or with what keeps the server's own archive.";
const INSTEAD_OF_RESTORE: &str = "stop all nodes, put the backup back with pg_restore, and run `plaza new-epoch` before \
    one starts again.";

/// What can be done with the data as a whole.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Copy the data into a new file, also while the server runs
    Backup {
        /// The file to make; never one that exists
        file: PathBuf,
        /// Which data.
        #[command(flatten)]
        data: Data,
    },
    /// Put a backup in the place of the data, while no server runs; clients reload
    Restore {
        /// The backup
        file: PathBuf,
        /// Replace the data that is there; it is lost
        #[arg(long)]
        force: bool,
        /// Which data.
        #[command(flatten)]
        data: Data,
    },
}

/// Which data.
#[derive(Debug, clap::Args)]
pub struct Data {
    /// The folder of the data [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A file of settings; `plaza check-config` shows them all
    #[arg(long, value_name = "FILE", env = "PLAZA_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
}

impl Data {
    /// The settings, as the server would have them.
    pub(crate) fn config(
        self,
        sources: impl FnOnce(Option<PathBuf>, Vec<Flag>) -> Sources,
    ) -> anyhow::Result<Config> {
        let folder = self.data.map(|folder| ("store.data", folder.display().to_string()));
        Ok(Config::load(&sources(self.config, folder.into_iter().collect()))?.config)
    }

    /// The database file, as the server with these settings would open it. `instead`: what does the same for a server.
    fn path(
        self,
        instead: &str,
        sources: impl FnOnce(Option<PathBuf>, Vec<Flag>) -> Sources,
    ) -> anyhow::Result<PathBuf> {
        let store = self.config(sources)?.store;
        match store.server()? {
            None => Ok(store.file()),
            Some(url) => Err(anyhow!("The data is in {url}, not in a file: {instead}")),
        }
    }
}

/// A setting that a flag made.
pub(crate) type Flag = (&'static str, String);

/// Does one of them. What came of it goes to `out`, how far it is to `progress`.
///
/// # Errors
/// One sentence; nothing was changed then, and no file was made.
pub async fn run(
    command: Command,
    sources: impl FnOnce(Option<PathBuf>, Vec<Flag>) -> Sources,
    random: &dyn Random,
    out: &mut (dyn Write + Send),
    progress: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let said = match command {
        Command::Backup { file, data } => {
            let from = data.path(INSTEAD_OF_BACKUP, sources)?;
            let mut meter = Meter::new(progress);
            let made = plaza_store::back_up(&from, &file, MIGRATIONS, |Progress { bytes, of }| {
                meter.show(bytes, of, || format!("{} of {} copied", size(bytes), size(of)));
            })
            .await;
            meter.end();
            let size = size(made?);
            format!("Backed up {} to {}: {size}, checked.", shown(&from), shown(&file))
        }
        Command::Restore { file, force, data } => {
            let into = data.path(INSTEAD_OF_RESTORE, sources)?;
            writeln!(progress, "Copying and checking {} …", shown(&file))?;
            let restored = plaza_store::restore(&file, &into, force, MIGRATIONS, random.bytes()).await?;
            format!(
                "Restored {} ({}) to {}. Its epoch is new ({}): clients that come back reload their rooms.",
                shown(&file),
                size(restored.bytes),
                shown(&into),
                restored.epoch
            )
        }
    };
    writeln!(out, "{said}").context("Done, but nobody could be told")
}

fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}

/// A size for people.
fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64 / 1024.0;
    for unit in &units[..3] {
        if amount < 1024.0 {
            return format!("{amount:.1} {unit}");
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} {}", units[3])
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(512), "0.5 KiB");
        assert_eq!(size(5 << 20), "5.0 MiB");
        assert_eq!(size(3 << 40), "3.0 TiB");
        assert_eq!(size(1 << 52), "4096.0 TiB");
    }
}
