//! The command line of `plaza`.

use clap::{Parser, Subcommand};
use plaza_chat::SystemRandom;
use plaza_server::{VERSION, admin, backup, bench, config::Sources, console, database, roles::Role, start};
use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

/// A batch holds more at once than the system's allocator keeps at hand: docs/decisions/0030.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Live rooms with an ordered, durable log, over Socket.IO.
#[derive(Parser)]
#[command(name = "plaza", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until Ctrl-C or SIGTERM
    Serve {
        /// What this process does; may be given several times [default: all]
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<Role>,
        /// Address and port; port 0 takes a free one [default: 127.0.0.1:3000]
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// The folder of the data [default: ./data]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Address and port of /metrics for the operator; port 0 takes a free one [default: none]
        #[arg(long, value_name = "ADDR")]
        metrics: Option<SocketAddr>,
        /// A file of settings; `plaza check-config` shows them all
        #[arg(long, value_name = "FILE", env = "PLAZA_CONFIG", hide_env_values = true)]
        config: Option<PathBuf>,
    },
    /// Show every setting in force, or say what is wrong with them
    CheckConfig {
        /// A file of settings
        #[arg(long, value_name = "FILE", env = "PLAZA_CONFIG", hide_env_values = true)]
        config: Option<PathBuf>,
    },
    #[command(flatten)]
    Data(backup::Command),
    #[command(flatten)]
    Store(database::Command),
    /// Administrators, and links by which somebody sets a password anew
    Admin(admin::Admin),
    /// Have a node let its clients go to others, and stop
    Drain(admin::Drain),
    /// Chat in this terminal
    Chat {
        /// Where Plaza is, such as http://127.0.0.1:3000, or with https. Authorities to trust other than the system's
        /// stand in the file that SSL_CERT_FILE names
        url: String,
    },
    /// Put a load on a Plaza that runs, and say what it carries and whether anything was lost
    Bench(bench::Bench),
    /// Say which version this is
    Version,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plaza: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve { roles, listen, data, metrics, config } => {
            let roles: Vec<_> = roles.iter().map(|role| role.name()).collect();
            let flags = [
                (!roles.is_empty()).then(|| ("server.roles", roles.join(","))),
                listen.map(|addr| ("server.listen", addr.to_string())),
                data.map(|folder| ("store.data", folder.display().to_string())),
                metrics.map(|addr| ("metrics.listen", addr.to_string())),
            ];
            let sources = sources(config, flags.into_iter().flatten().collect());
            block_on(async { start::serve(&sources, &mut io::stdout()).await })
        }
        Command::CheckConfig { config } => {
            start::check_config(&sources(config, Vec::new()), &mut io::stdout())
        }
        Command::Data(command) => block_on(async {
            backup::run(command, sources, &SystemRandom, &mut io::stdout(), &mut io::stderr()).await
        }),
        Command::Store(command) => block_on(async {
            database::run(command, sources, &SystemRandom, &mut io::stdout(), &mut io::stderr()).await
        }),
        Command::Admin(admin) => block_on(async {
            let sources = sources(admin.config(), admin.flags());
            admin::run(admin, &sources, &mut io::stdout(), &mut io::stderr()).await
        }),
        Command::Drain(drain) => block_on(async { admin::drain(drain, &mut io::stderr()).await }),
        Command::Chat { url } => block_on(console::run(&url)),
        Command::Bench(bench) => {
            block_on(async { bench::run(bench, &mut io::stdout(), &mut io::stderr()).await })
        }
        Command::Version => {
            println!("plaza {VERSION}");
            Ok(())
        }
    }
}

fn sources(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Sources {
    let vars = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    Sources { file, environment: vars.collect(), flags }
}

/// Runs a command to its end. What it left behind on other threads, a password half hashed, is not waited for.
fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = plaza_socketio::runtime().build()?;
    let ended = runtime.block_on(command);
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
