//! From a command line to a running node: settings, log, listener, data, signals. What can go wrong here ends in one
//! sentence.

use crate::{
    alerts::{Alerts, Alive, Panics},
    config::{Config, Durability, Sources},
    open_files, serve, signals,
    telemetry::log,
    tls::Tls,
    web,
};
use anyhow::{Context as _, anyhow};
use plaza_chat::{Clock, Random, SystemClock, SystemRandom};
use plaza_store::Store;
use std::{
    io::{self, IsTerminal as _, Write},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

/// Serves until a signal; what people need to know goes to `out`, the log to stderr.
///
/// # Errors
/// One sentence: a bad configuration, an address that cannot be had, data that cannot be used.
pub async fn serve(sources: &Sources, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    serve_by(sources, Arc::new(SystemClock), out).await
}

/// As [`serve()`], with a clock of the caller's.
///
/// # Errors
/// As [`serve()`]'s.
pub async fn serve_by(
    sources: &Sources,
    clock: Arc<dyn Clock>,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let mut config = Config::load(sources)?.config;
    if config.server.node.is_empty() {
        config.server.node = random_node(&*random);
    }
    let panics = Arc::new(Panics::new(Arc::new(SystemClock)));
    start_log(&config, Arc::clone(&panics))?;
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
    let webhooks = match config.webhooks.listen.filter(|_| config.webhooks.enabled) {
        Some(wanted) => Some(listen(wanted, "webhooks.listen").await?),
        None => None,
    };
    let (webhooks, posted) = webhooks.unzip();
    let alerts = Alerts::new(&config, Arc::new(SystemClock), Arc::clone(&random), panics);
    if !waited(&alerts, &shutdown).await {
        return Ok(());
    }
    let store = open_store(&config, &*random).await?;
    let data = match config.store.server()? {
        Some(url) => url.to_string(),
        None => std::path::absolute(&config.store.data)
            .unwrap_or_else(|_| config.store.data.clone())
            .display()
            .to_string(),
    };
    // Who reads this may have gone away; the server stays.
    let _ =
        out.write_all(greeting(&config, addr, watched, posted, &data).as_bytes()).and_then(|()| out.flush());
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
    let doors = serve::Doors { listener, tls, metrics, webhooks };
    let cluster = config.cluster()?;
    let alive = begin_alive(&config, &alerts);
    let deps = serve::Deps { config, store, clock, random, now, cluster };
    let tell = async |reason: &str| alerts.stopped(reason).await;
    let ended = serve::run_and_tell(deps, doors, shutdown, tell).await;
    if let Some(Err(error)) = alive.map(Alive::ended) {
        tracing::warn!(%error, "The next start will report that this process ended without a word: it did not");
    }
    ended
}

/// Waits where the node has stopped by itself again and again. `false`: it was asked to stop meanwhile.
async fn waited(alerts: &Alerts, shutdown: &CancellationToken) -> bool {
    let wait = alerts.wait_before_start();
    if wait.is_zero() {
        return true;
    }
    tracing::warn!(
        seconds = wait.as_secs(),
        "This node has stopped by itself again and again: it waits before it starts"
    );
    shutdown.run_until_cancelled(sleep(wait)).await.is_some()
}

/// Notes that this process lives, and has it told when the one before ended without a word.
fn begin_alive(config: &Config, alerts: &Alerts) -> Option<Alive> {
    let (alive, before) = Alive::begin(&config.store.data, &alerts.this_process())
        .inspect_err(
            |error| tracing::warn!(%error, "Whether this process ends in good order will not be known"),
        )
        .ok()
        .flatten()?;
    if let Some(before) = before {
        tracing::warn!(began = %before.began_at, "The process before ended without a word: it was killed, or its machine was");
        let alerts = alerts.clone();
        // Nobody waits for that.
        tokio::spawn(async move { alerts.found_dead(&before).await });
    }
    Some(alive)
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
    Ok(Store::open(config.store.options(random.bytes())?, plaza_chat::MIGRATIONS).await?)
}

/// The log goes to stderr, in colour where somebody looks at it.
fn start_log(config: &Config, panics: Arc<Panics>) -> anyhow::Result<()> {
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = log::subscriber(&config.log, io::stderr, colour)?;
    tracing::subscriber::set_global_default(log)
        .map_err(|error| anyhow!("Cannot start the log: {error}."))?;
    log::tell_panics(panics);
    Ok(())
}

/// What a person who starts Plaza needs to know.
fn greeting(
    config: &Config,
    addr: SocketAddr,
    watched: Option<SocketAddr>,
    posted: Option<SocketAddr>,
    data: &str,
) -> String {
    let url = url(config, addr);
    let mut lines = vec![format!("Plaza {} is open at {url}", crate::VERSION)];
    lines.push(format!("  node   {}", config.server.node));
    lines.push(format!("  data   {data}"));
    lines.extend(watched.map(|addr| format!("  watch  http://{addr}/metrics")));
    lines.extend(posted.map(|addr| format!("  post   {}/webhook", self::url(config, addr))));
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
        let text = greeting(&config(&[]), addr, None, None, "/srv/data");
        for part in ["is open at http://127.0.0.1:3000\n", "/srv/data", "plaza chat http://127.0.0.1:3000"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(text.contains("without the web client"), !web::is_built());
        assert!(!text.contains("WARNING"));
    }

    #[test]
    fn throw_away_data_is_said_loudly() {
        let addr = "0.0.0.0:80".parse().unwrap();
        let text = greeting(&config(&[("PLAZA_STORE__DURABILITY", "none")]), addr, None, None, "/srv/data");
        assert!(text.contains("WARNING: store.durability is \"none\""));
        assert!(text.contains("http://localhost:80"));
    }

    #[test]
    fn a_random_name_is_a_valid_one() {
        let name = random_node(&SystemRandom);
        assert_eq!(config(&[("PLAZA_SERVER__NODE", &name)]).server.node, name);
    }
}
