//! Commands from a person: a line editor with history and completion on a thread of its own, and whatever comes in
//! meanwhile printed above the line being typed.

use super::{
    Console, Flow, command,
    directory::Directory,
    output::{Output, Printed},
    style::Style,
    words,
};
use anyhow::Context as _;
use plaza_client::Address;
use rustyline::{
    ColorMode, Config, Context, Editor, ExternalPrinter as _, Helper, Hinter, Validator,
    completion::Completer,
    error::ReadlineError,
    highlight::{CmdKind, Highlighter},
    history::DefaultHistory,
};
use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};
use tokio::sync::oneshot;

/// Lines that may wait to be printed; whoever has more waits.
const PRINT_QUEUE: usize = 1_024;

/// Runs until the person leaves.
pub(super) async fn run(address: Address, style: Style) -> anyhow::Result<()> {
    let directory = Arc::new(Mutex::new(Directory::default()));
    let (printing, to_print) = mpsc::sync_channel(PRINT_QUEUE);
    let keyboard = Keyboard::start(Arc::clone(&directory), to_print)?;
    let output = Output::terminal(printing);
    let greeting = format!("Plaza at {address}. auth NAME to begin, help for all commands, Ctrl-D to leave.");
    output.line(&style.dim(&greeting));
    let mut console = Console::with_directory(address, output.clone(), style.clone(), true, directory);
    'typed: loop {
        output.flush().await;
        let typed = match keyboard.line(console.prompt()).await {
            Said::Line(typed) => typed,
            Said::Interrupted => continue,
            Said::End => break,
        };
        // One line, unless several were pasted.
        for line in typed.lines() {
            let done = tokio::select! {
                done = execute(&mut console, &keyboard, line) => done,
                _ = tokio::signal::ctrl_c() => {
                    output.error(&style.error("Interrupted. It may be carried out all the same."));
                    break;
                }
            };
            match done {
                Ok(Flow::Continue) => {}
                Ok(Flow::Quit) => break 'typed,
                Err(error) => output.error(&style.error(&error)),
            }
        }
    }
    console.leave().await;
    output.flush().await;
    Ok(())
}

async fn execute(console: &mut Console, keyboard: &Keyboard, line: &str) -> Result<Flow, String> {
    let words = words::split(line).map_err(|error| error.to_string())?;
    let Some(mut command) = command::parse(&words)? else { return Ok(Flow::Continue) };
    if command.wants_password() {
        // Nobody types a password to be told that it was not wanted.
        console.ensure_signed_out()?;
        match keyboard.password().await {
            Said::Line(password) => command.set_password(password.into()),
            Said::Interrupted | Said::End => return Err("No password, nothing done.".to_owned()),
        }
    }
    console.execute(command).await
}

/// The thread that edits lines.
struct Keyboard {
    ask: mpsc::Sender<(Ask, oneshot::Sender<Said>)>,
}

enum Ask {
    Line(String),
    Password,
}

enum Said {
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
}

impl Keyboard {
    fn start(directory: Arc<Mutex<Directory>>, to_print: mpsc::Receiver<Printed>) -> anyhow::Result<Self> {
        // Forced, since a password is hidden by what draws the line; nothing else here is coloured by it.
        let config = Config::builder().color_mode(ColorMode::Forced).auto_add_history(false).build();
        let mut editor =
            Editor::<Line, DefaultHistory>::with_config(config).context("Cannot edit lines here")?;
        editor.set_helper(Some(Line { directory, secret: false }));
        let mut printer = editor.create_external_printer().context("Cannot print beside the prompt")?;
        thread::spawn(move || {
            for printed in to_print {
                match printed {
                    Printed::Line(line) => drop(printer.print(line)),
                    Printed::Flush(done) => drop(done.send(())),
                }
            }
        });
        let (ask, asked) = mpsc::channel::<(Ask, oneshot::Sender<Said>)>();
        thread::spawn(move || {
            for (ask, answer) in asked {
                let _ = answer.send(read(&mut editor, &ask));
            }
        });
        Ok(Self { ask })
    }

    async fn line(&self, prompt: String) -> Said {
        self.ask(Ask::Line(prompt)).await
    }

    async fn password(&self) -> Said {
        self.ask(Ask::Password).await
    }

    async fn ask(&self, ask: Ask) -> Said {
        let (answer, said) = oneshot::channel();
        if self.ask.send((ask, answer)).is_err() {
            return Said::End;
        }
        said.await.unwrap_or(Said::End)
    }
}

fn read(editor: &mut Editor<Line, DefaultHistory>, ask: &Ask) -> Said {
    let secret = matches!(ask, Ask::Password);
    if let Some(line) = editor.helper_mut() {
        line.secret = secret;
    }
    let prompt = match ask {
        Ask::Line(prompt) => prompt,
        Ask::Password => "Password: ",
    };
    match editor.readline(prompt) {
        Ok(line) => {
            if !secret && !bears_password(&line) {
                let _ = editor.add_history_entry(&line);
            }
            Said::Line(line)
        }
        Err(ReadlineError::Interrupted) => Said::Interrupted,
        Err(_) => Said::End,
    }
}

/// A line that must not be found again with the arrow keys.
fn bears_password(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let command = words.next().unwrap_or_default().to_lowercase();
    matches!(command.as_str(), "auth" | "register") && words.count() > 1
}

/// The line being typed.
#[derive(Helper, Hinter, Validator)]
struct Line {
    directory: Arc<Mutex<Directory>>,
    /// Do not show what is typed.
    secret: bool,
}

impl Completer for Line {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        if self.secret {
            return Ok((pos, Vec::new()));
        }
        let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(directory.complete(line.get(..pos).unwrap_or(line)))
    }
}

impl Highlighter for Line {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        if self.secret { Cow::Owned("*".repeat(line.chars().count())) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _line: &str, _pos: usize, kind: CmdKind) -> bool {
        self.secret && !matches!(kind, CmdKind::MoveCursor)
    }
}
