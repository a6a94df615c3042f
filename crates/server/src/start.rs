//! From a command line to a running node: settings, log, listener, data, signals. What can go wrong here ends in one
//! sentence.

use crate::{
    alerts::{Alerts, Alive, Panics},
    config::{Config, Durability, Sources},
    open_files,
    roles::Role,
    serve, signals,
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
    let (doors, addresses) = open(&config, tls).await?;
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
    let _ = out.write_all(greeting(&config, addresses, &data).as_bytes()).and_then(|()| out.flush());
    let roles: Vec<_> = config.server.roles.iter().map(|role| role.name()).collect();
    if let Some(addr) = addresses.gateway.or(addresses.webhooks) {
        tracing::info!(%addr, node = config.server.node, roles = roles.join(","), "Serving");
    }
    if let Some(addr) = addresses.metrics.filter(|addr| !addr.ip().is_loopback()) {
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

/// Where this process is spoken to.
#[derive(Debug, Clone, Copy, Default)]
struct Addresses {
    gateway: Option<SocketAddr>,
    webhooks: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
}

/// A door for each role that has one of its own, and the operator's.
async fn open(config: &Config, tls: Option<Tls>) -> anyhow::Result<(serve::Doors, Addresses)> {
    let door = async |wanted: Option<(SocketAddr, &str)>| match wanted {
        Some((wanted, flag)) => listen(wanted, flag).await.map(Some),
        None => Ok(None),
    };
    let gateway = door(config.listens(Role::Gateway)).await?.unzip();
    let metrics = door(config.metrics.listen.map(|wanted| (wanted, "--metrics"))).await?.unzip();
    let webhooks = door(config.listens(Role::Webhooks)).await?.unzip();
    let doors = serve::Doors { gateway: gateway.0, webhooks: webhooks.0, metrics: metrics.0, tls };
    Ok((doors, Addresses { gateway: gateway.1, webhooks: webhooks.1, metrics: metrics.1 }))
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
fn greeting(config: &Config, addresses: Addresses, data: &str) -> String {
    let Addresses { gateway, webhooks, metrics } = addresses;
    let open = gateway.map(|addr| url(config, addr));
    let posted = webhooks.map(|addr| format!("{}/webhook", url(config, addr)));
    let version = crate::VERSION;
    let mut lines = match (&open, &posted) {
        (Some(url), _) => vec![format!("Plaza {version} is open at {url}")],
        (None, Some(url)) => vec![format!("Plaza {version} takes webhooks at {url}, and has no clients")],
        (None, None) => Vec::new(),
    };
    lines.push(format!("  node   {}", config.server.node));
    lines.push(format!("  data   {data}"));
    lines.extend(metrics.map(|addr| format!("  watch  http://{addr}/metrics")));
    if let Some(url) = &open {
        lines.extend(posted.map(|posted| format!("  post   {posted}")));
        lines.extend(next(config, url));
    }
    lines.push("  stop   Ctrl-C".into());
    if config.store.durability == Durability::None {
        lines.push(
            "WARNING: store.durability is \"none\". A crash of this machine may lose everything.".into(),
        );
    }
    lines.join("\n") + "\n"
}

/// What to do there.
fn next(config: &Config, url: &str) -> Vec<String> {
    let talk = format!("talk in a terminal: plaza chat {url}");
    let page = match (config.web.enabled, web::is_built()) {
        (true, true) => None,
        (true, false) => Some("built without the web client; `make web` and a new build put it in"),
        (false, _) => Some("web.enabled is false"),
    };
    let next = match page {
        None => format!("  next   open {url} in a browser, or {talk}"),
        Some(_) => format!("  next   {talk}"),
    };
    std::iter::once(next).chain(page.map(|why| format!("  page   none: {why}"))).collect()
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

    fn at(addr: &str) -> Addresses {
        Addresses { gateway: Some(addr.parse().unwrap()), ..Addresses::default() }
    }

    #[test]
    fn the_greeting_says_where_and_what_next() {
        let text = greeting(&config(&[]), at("127.0.0.1:3000"), "/srv/data");
        for part in ["is open at http://127.0.0.1:3000\n", "/srv/data", "plaza chat http://127.0.0.1:3000"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(text.contains("without the web client"), !web::is_built());
        assert!(!text.contains("WARNING"));
    }

    #[test]
    fn where_there_are_no_clients_it_says_where_to_post() {
        let addresses = Addresses { webhooks: "127.0.0.1:3001".parse().ok(), ..Addresses::default() };
        let text = greeting(&config(&[]), addresses, "/srv/data");
        assert!(text.contains("takes webhooks at http://127.0.0.1:3001/webhook"), "{text}");
        assert!(!text.contains("next") && !text.contains("plaza chat"), "{text}");
    }

    #[test]
    fn throw_away_data_is_said_loudly() {
        let config = config(&[("PLAZA_STORE__DURABILITY", "none")]);
        let text = greeting(&config, at("0.0.0.0:80"), "/srv/data");
        assert!(text.contains("WARNING: store.durability is \"none\""));
        assert!(text.contains("http://localhost:80"));
    }

    #[test]
    fn a_random_name_is_a_valid_one() {
        let name = random_node(&SystemRandom);
        assert_eq!(config(&[("PLAZA_SERVER__NODE", &name)]).server.node, name);
    }
}
