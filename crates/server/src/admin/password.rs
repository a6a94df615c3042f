//! Where a password comes from: a file, a person at a terminal, or the first line of stdin.

use anyhow::{Context as _, bail, ensure};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use plaza_protocol::Secret;
use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write as _, stdin},
    path::Path,
};
use tokio::task::spawn_blocking;

/// Longest line that is read, in bytes: above any password.
const LONGEST: u64 = 64 * 1024;

/// A password that is to be set; a person types it twice.
pub(super) async fn new(file: Option<&Path>, name: &str) -> anyhow::Result<Secret> {
    if file.is_some() || !stdin().is_terminal() {
        return given(file).await;
    }
    let password = typed(format!("New password for @{name}: ")).await?;
    let again = typed("The same again: ".to_owned()).await?;
    ensure!(password == again, "The two are not the same, so nothing was done.");
    Ok(password)
}

/// The password of somebody who has one.
pub(super) async fn of_somebody(file: Option<&Path>, name: &str) -> anyhow::Result<Secret> {
    if file.is_some() || !stdin().is_terminal() {
        return given(file).await;
    }
    typed(format!("Password of @{name}: ")).await
}

async fn given(file: Option<&Path>) -> anyhow::Result<Secret> {
    let (text, place) = match file {
        Some(file) => {
            let text = fs::read_to_string(file).with_context(|| format!("Cannot read {}", file.display()))?;
            (text, file.display().to_string())
        }
        None => (spawn_blocking(line).await??, "stdin".to_owned()),
    };
    let password = text.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "There is no password in {place}, so nothing was done.");
    Ok(password.into())
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    io::Read::take(stdin().lock(), LONGEST).read_line(&mut line)?;
    Ok(line)
}

/// Asks at the terminal, which does not show what is typed. Ctrl-C ends it with the terminal as it was.
async fn typed(prompt: String) -> anyhow::Result<Secret> {
    let line = {
        let _hidden = Hidden::begin()?;
        eprint!("{prompt}");
        io::stderr().flush()?;
        tokio::select! {
            line = spawn_blocking(line) => line??,
            _ = tokio::signal::ctrl_c() => {
                eprintln!();
                bail!("Interrupted, so nothing was done.");
            }
        }
    };
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "No password, so nothing was done.");
    Ok(password.into())
}

/// While it lives, the terminal at stdin does not show what is typed.
struct Hidden {
    before: Termios,
}

impl Hidden {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).context("Cannot ask for a password here")?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        hidden.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(stdin(), SetArg::TCSAFLUSH, &hidden).context("Cannot ask for a password here")?;
        Ok(Self { before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // The terminal is gone: then nobody types any more.
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}
