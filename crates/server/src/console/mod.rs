//! `plaza chat URL`: Plaza in a terminal, or in a script.
//!
//! A person gets a line editor, a pipe is read line by line; both say the same `command`s to one `Console`. What
//! comes from the server is shown by the `watcher` as it comes.

mod command;
mod directory;
mod help;
mod outbox;
mod output;
mod script;
mod session;
mod shared;
mod show;
mod style;
mod terminal;
mod watcher;
mod words;

use command::Command;
use directory::Directory;
use jiff::tz::TimeZone;
use output::Output;
use plaza_client::{Address, Identity, Rest};
use plaza_protocol::{Credentials, Secret};
use rand::{SeedableRng as _, rngs::StdRng};
use session::{Session, sentence};
use std::{
    io::{IsTerminal as _, stdin, stdout},
    sync::{Arc, Mutex},
    time::Duration,
};
use style::{Style, safe};

/// How long a request over HTTP may take.
const REST_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs until the person or the input ends.
///
/// # Errors
/// An address that is none, a terminal that cannot be used, or, where commands come from a pipe, any of them that
/// failed.
pub async fn run(url: &str) -> anyhow::Result<()> {
    let address: Address = url.parse()?;
    let variable = |name: &str| std::env::var(name).ok();
    let style = Style::choose(stdout().is_terminal(), variable, TimeZone::system());
    let dumb = variable("TERM").is_none_or(|term| term == "dumb");
    if stdin().is_terminal() && stdout().is_terminal() && !dumb {
        terminal::run(address, style).await
    } else {
        script::run(address, style).await
    }
}

/// Whether to go on.
enum Flow {
    Continue,
    Quit,
}

/// One console: who is logged in, if anybody, and where lines go.
struct Console {
    address: Address,
    output: Output,
    style: Style,
    /// A person sits there, who does not want to wait for what can be done behind the prompt.
    interactive: bool,
    directory: Arc<Mutex<Directory>>,
    session: Option<Session>,
    rng: StdRng,
}

impl Console {
    fn new(address: Address, output: Output, style: Style, interactive: bool) -> Self {
        Self::with_directory(address, output, style, interactive, Arc::default())
    }

    fn with_directory(
        address: Address,
        output: Output,
        style: Style,
        interactive: bool,
        directory: Arc<Mutex<Directory>>,
    ) -> Self {
        let rng = StdRng::from_rng(&mut rand::rng());
        Self { address, output, style, interactive, directory, session: None, rng }
    }

    /// What stands before the line being typed.
    fn prompt(&self) -> String {
        match &self.session {
            Some(session) if !session.has_ended() => format!("{}> ", safe(session.name())),
            _ => "> ".to_owned(),
        }
    }

    /// Carries a command out and shows its answer; an error is to be shown by the caller.
    async fn execute(&mut self, command: Command) -> Result<Flow, String> {
        match command {
            Command::Auth { name, password: None } => self.sign_in(Identity::Guest(name)).await?,
            Command::Auth { name, password: Some(password) } => self.log_in(name, password).await?,
            Command::Register { name, password } => self.register(name, password.unwrap_or_default()).await?,
            Command::Expect { text, within } => {
                if !self.output.expect(&text, within).await {
                    return Err(format!("{:?} was not shown within {} s.", text, within.as_secs_f64()));
                }
            }
            Command::Help { about } => {
                for line in help::help(about) {
                    self.output.line(&line);
                }
            }
            Command::Logout => self.log_out().await?,
            Command::Quit => return Ok(Flow::Quit),
            command => self.session()?.execute(command).await?,
        }
        Ok(Flow::Continue)
    }

    fn session(&mut self) -> Result<&mut Session, String> {
        self.session
            .as_mut()
            .filter(|session| !session.has_ended())
            .ok_or_else(|| "First: auth NAME".to_owned())
    }

    async fn log_in(&mut self, name: String, password: Secret) -> Result<(), String> {
        self.ensure_signed_out()?;
        let tokens = self.rest()?.login(&Credentials { name, password }).await.map_err(sentence)?;
        self.sign_in(Identity::Account(tokens)).await
    }

    async fn register(&mut self, name: String, password: Secret) -> Result<(), String> {
        self.ensure_signed_out()?;
        let tokens = self.rest()?.register(&Credentials { name, password }).await.map_err(sentence)?;
        self.sign_in(Identity::Account(tokens)).await
    }

    async fn sign_in(&mut self, identity: Identity) -> Result<(), String> {
        self.ensure_signed_out()?;
        let mut wished = None;
        if let Identity::Guest(name) = &identity {
            wished = Some(name.clone());
        }
        let (output, directory) = (self.output.clone(), Arc::clone(&self.directory));
        let rng = StdRng::from_rng(&mut self.rng);
        let session = Session::open(
            self.address.clone(),
            identity,
            output,
            self.style.clone(),
            self.interactive,
            directory,
            rng,
        )
        .await?;
        let name = safe(session.name());
        self.output.line(&self.style.good(&format!("Authorized as {name}")));
        if wished.is_some_and(|wished| wished != name) {
            self.output.line(&self.style.dim("That name is taken, so you have another."));
        }
        self.session = Some(session);
        Ok(())
    }

    fn ensure_signed_out(&self) -> Result<(), String> {
        match &self.session {
            Some(session) if !session.has_ended() => {
                Err(format!("You are {}. First: logout", safe(session.name())))
            }
            _ => Ok(()),
        }
    }

    async fn log_out(&mut self) -> Result<(), String> {
        self.session()?;
        let Some(session) = self.session.take() else { return Ok(()) };
        let ended = session.log_out(&self.rest()?).await;
        self.output.line("Logged out");
        ended
    }

    /// Closes the connection in good order.
    async fn leave(&mut self) {
        if let Some(session) = self.session.take() {
            session.leave().await;
        }
    }

    fn rest(&self) -> Result<Rest, String> {
        Rest::new(self.address.clone(), REST_TIMEOUT).map_err(sentence)
    }
}
