//! From a command line to a running node: settings, log, listener, data, signals. What can go wrong here ends in one
//! sentence.

use crate::{
    config::{Config, Durability, Sources},
    open_files, serve, signals,
    telemetry::log,
    tls::Tls,
    web,
};
use anyhow::{Context as _, anyhow};
use plaza_chat::{Random, SystemClock, SystemRandom};
use plaza_store::Store;
use std::{
    io::{self, IsTerminal as _, Write},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Instant,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves until a signal; what people need to know goes to `out`, the log to stderr.
///
/// # Errors
/// One sentence: a bad configuration, an address that cannot be had, data that cannot be used.
pub async fn serve(sources: &Sources, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let mut config = Config::load(sources)?.config;
    if config.server.node.is_empty() {
        config.server.node = random_node(&*random);
    }
    start_log(&config)?;
    open_files::provide(config.server.max_http_connections);
    let shutdown = CancellationToken::new();
    signals::watch(shutdown.clone()).context("Cannot watch for signals")?;

    let tls = Tls::load(&config.server.tls)?;
    let (listener, addr) = listen(config.server.listen, "--listen").await?;
    let metrics = match config.metrics.listen {
        Some(wanted) => Some(listen(wanted, "--metrics").await?),
        None => None,
    };
    let (metrics, watched) = metrics.unzip();
    let store = open_store(&config, &*random).await?;
    let data = std::path::absolute(&config.store.data).unwrap_or_else(|_| config.store.data.clone());
    // Who reads this may have gone away; the server stays.
    let _ = out.write_all(greeting(&config, addr, watched, &data).as_bytes()).and_then(|()| out.flush());
    tracing::info!(%addr, node = config.server.node, "Serving");
    if let Some(addr) = watched.filter(|addr| !addr.ip().is_loopback()) {
        tracing::warn!(
            %addr,
            "Others than this machine may reach /metrics (metrics.listen): see that only the operator does"
        );
    }
    if config.store.durability == Durability::None {
        tracing::warn!(
            "Nothing is synced to the disk (store.durability is \"none\"): for throw-away data only"
        );
    }

    let began = Instant::now();
    let now = Arc::new(move || began.elapsed());
    let clock = Arc::new(SystemClock);
    let doors = serve::Doors { listener, tls, metrics };
    serve::run(serve::Deps { config, store, clock, random, now }, doors, shutdown).await
}

/// Says what is in force.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn check_config(sources: &Sources, out: &mut dyn Write) -> anyhow::Result<()> {
    let loaded = Config::load(sources)?;
    Tls::load(&loaded.config.server.tls)?;
    let lines = loaded.describe();
    match writeln!(out, "{}", lines.join("\n")) {
        // Who asked has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// `flag` is how another address is chosen.
async fn listen(wanted: SocketAddr, flag: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(wanted).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "Cannot listen on {wanted}: another program does. Stop it, or choose another address with {flag}."
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow!("Cannot listen on {wanted}: this user may not. Choose a port above 1023 with {flag}.")
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow!("Cannot listen on {wanted}: this machine has no such address.")
        }
        _ => anyhow!("Cannot listen on {wanted}: {error}."),
    })?;
    let addr = listener.local_addr().context("Cannot tell where we listen")?;
    Ok((listener, addr))
}

async fn open_store(config: &Config, random: &dyn Random) -> anyhow::Result<Store> {
    Ok(Store::open(config.store.options(random.bytes()), plaza_chat::MIGRATIONS).await?)
}

/// The log goes to stderr, in colour where somebody looks at it.
fn start_log(config: &Config) -> anyhow::Result<()> {
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = log::subscriber(&config.log, io::stderr, colour)?;
    tracing::subscriber::set_global_default(log)
        .map_err(|error| anyhow!("Cannot start the log: {error}."))?;
    log::tell_panics();
    Ok(())
}

/// What a person who starts Plaza needs to know.
fn greeting(config: &Config, addr: SocketAddr, watched: Option<SocketAddr>, data: &Path) -> String {
    let url = url(config, addr);
    let mut lines = vec![format!("Plaza {} is open at {url}", crate::VERSION)];
    lines.push(format!("  node   {}", config.server.node));
    lines.push(format!("  data   {}", data.display()));
    lines.extend(watched.map(|addr| format!("  watch  http://{addr}/metrics")));
    let talk = format!("talk in a terminal: plaza chat {url}");
    let page = match (config.web.enabled, web::is_built()) {
        (true, true) => None,
        (true, false) => Some("built without the web client; `make web` and a new build put it in"),
        (false, _) => Some("web.enabled is false"),
    };
    let next = match page {
        None => format!("open {url} in a browser, or {talk}"),
        Some(_) => talk,
    };
    lines.push(format!("  next   {next}"));
    lines.extend(page.map(|why| format!("  page   none: {why}")));
    lines.push("  stop   Ctrl-C".into());
    if config.store.durability == Durability::None {
        lines.push(
            "WARNING: store.durability is \"none\". A crash of this machine may lose everything.".into(),
        );
    }
    lines.join("\n") + "\n"
}

/// Where a person on this machine finds it.
pub(crate) fn url(config: &Config, addr: SocketAddr) -> String {
    let scheme = if config.server.tls.is_on() { "https" } else { "http" };
    if addr.ip().is_unspecified() {
        format!("{scheme}://localhost:{}", addr.port())
    } else {
        format!("{scheme}://{addr}")
    }
}

/// Eight letters and digits: enough to tell nodes apart, short enough to say.
fn random_node(random: &dyn Random) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    random.bytes::<8>().iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Config {
        let environment = vars.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Config::load(&Sources { environment, ..Sources::default() }).unwrap().config
    }

    #[test]
    fn the_greeting_says_where_and_what_next() {
        let addr = "127.0.0.1:3000".parse().unwrap();
        let text = greeting(&config(&[]), addr, None, Path::new("/srv/data"));
        for part in ["is open at http://127.0.0.1:3000\n", "/srv/data", "plaza chat http://127.0.0.1:3000"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(text.contains("without the web client"), !web::is_built());
        assert!(!text.contains("WARNING"));
    }

    #[test]
    fn throw_away_data_is_said_loudly() {
        let addr = "0.0.0.0:80".parse().unwrap();
        let text =
            greeting(&config(&[("PLAZA_STORE__DURABILITY", "none")]), addr, None, Path::new("/srv/data"));
        assert!(text.contains("WARNING: store.durability is \"none\""));
        assert!(text.contains("http://localhost:80"));
    }

    #[test]
    fn a_random_name_is_a_valid_one() {
        let name = random_node(&SystemRandom);
        assert_eq!(config(&[("PLAZA_SERVER__NODE", &name)]).server.node, name);
    }
}
