//! Commands from a pipe or a file: each is finished before the next begins, and any that fails makes the whole fail.

use super::{Console, Flow, command, output::Output, style::Style, words};
use anyhow::bail;
use plaza_client::Address;
use std::{io, thread};
use tokio::sync::mpsc;

/// Runs until the input ends or `quit`.
pub(super) async fn run(address: Address, style: Style) -> anyhow::Result<()> {
    let output = Output::pipes();
    let mut console = Console::new(address, output.clone(), style, false);
    let mut input = Input::stdin();
    let (mut done, mut failed) = (0, 0);
    while let Some(line) = input.next().await? {
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            continue;
        }
        done += 1;
        match execute(&mut console, &mut input, &line).await {
            Ok(Flow::Continue) => {}
            Ok(Flow::Quit) => break,
            Err(error) => {
                failed += 1;
                output.error(&format!("line {}: {error}", input.number));
            }
        }
        if output.is_broken() {
            bail!("Nobody reads what this prints any more.");
        }
    }
    console.leave().await;
    if failed > 0 {
        bail!("{failed} of {done} commands failed.");
    }
    Ok(())
}

async fn execute(console: &mut Console, input: &mut Input, line: &str) -> Result<Flow, String> {
    let words = words::split(line).map_err(|error| error.to_string())?;
    let Some(mut command) = command::parse(&words)? else { return Ok(Flow::Continue) };
    if command.wants_password() {
        let password = input.next().await.map_err(|error| error.to_string())?;
        command.set_password(password.ok_or("The password is missing: it is the next line.")?.into());
    }
    console.execute(command).await
}

/// Lines from stdin, read on a thread of their own: a read that waits cannot be called off, and must not keep the
/// process from ending.
struct Input {
    lines: mpsc::Receiver<io::Result<String>>,
    /// Of the last line, from 1.
    number: usize,
}

impl Input {
    fn stdin() -> Self {
        let (sender, lines) = mpsc::channel(1);
        thread::spawn(move || {
            for line in io::stdin().lines() {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines, number: 0 }
    }

    async fn next(&mut self) -> io::Result<Option<String>> {
        self.number += 1;
        self.lines.recv().await.transpose()
    }
}
