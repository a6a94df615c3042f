//! A node in this process, to be asked over HTTP.

use plaza_bus::{BusOptions, Link, LocalBus, adapter::AdapterOptions};
use plaza_server::{
    config::{Config, Sources},
    gateway::ClusterOptions,
    serve,
    tls::Tls,
};
use plaza_store::Store;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here should take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A node in this process, with data of its own.
pub(crate) struct Node {
    pub(crate) addr: SocketAddr,
    /// Where the operator looks, if the settings have such a place.
    metrics: Option<SocketAddr>,
    /// Where webhooks alone are answered, likewise.
    pub(crate) webhooks: Option<SocketAddr>,
    pub(crate) http: Client,
    pub(crate) store: Store,
    shutdown: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    _data: TempDir,
}

impl Node {
    /// With settings as environment variables give them.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with(settings, None).await
    }

    /// The same, as one of several on a bus on which nobody else is.
    pub(crate) async fn start_with_a_bus(settings: &[(&str, &str)]) -> Self {
        let (bus, adapter) = (BusOptions::new(Link::Local(LocalBus::new())), AdapterOptions::default());
        Self::start_with(settings, Some(ClusterOptions { bus, adapter, alone: true })).await
    }

    async fn start_with(settings: &[(&str, &str)], cluster: Option<ClusterOptions>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = plaza_testkit::postgres::schema(data.path()).await.unwrap().unwrap_or_default();
        let base = [
            ("PLAZA_STORE__URL", server.as_str()),
            ("PLAZA_STORE__DURABILITY", "none"),
            ("PLAZA_STORE__DATA", data.path().to_str().unwrap()),
            ("PLAZA_SERVER__NODE", "t1"),
        ];
        let environment = base.iter().chain(settings).map(|(name, text)| ((*name).into(), (*text).into()));
        let sources = Sources { environment: environment.collect(), ..Sources::default() };
        let config = Config::load(&sources).unwrap().config;

        let store =
            Store::open(config.store.options([7; 16]).unwrap(), plaza_chat::MIGRATIONS).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let began = Instant::now();
        let deps = serve::Deps {
            config,
            store: store.clone(),
            clock: Arc::new(plaza_chat::SystemClock),
            random: Arc::new(plaza_chat::SystemRandom),
            now: Arc::new(move || began.elapsed()),
            cluster,
        };
        let shutdown = CancellationToken::new();
        let tls = Tls::load(&deps.config.server.tls).unwrap();
        let metrics = match deps.config.metrics.listen {
            Some(wanted) => Some(TcpListener::bind(wanted).await.unwrap()),
            None => None,
        };
        let webhooks = match deps.config.webhooks.listen {
            Some(wanted) => Some(TcpListener::bind(wanted).await.unwrap()),
            None => None,
        };
        let posted = webhooks.as_ref().map(|listener| listener.local_addr().unwrap());
        let watched = metrics.as_ref().map(|listener| listener.local_addr().unwrap());
        let doors = serve::Doors { gateway: Some(listener), webhooks, metrics, tls };
        let serving = tokio::spawn(serve::run(deps, doors, shutdown.clone()));
        let http = plaza_client::plain_http().timeout(PATIENCE).build().unwrap();
        Self { addr, metrics: watched, webhooks: posted, http, store, shutdown, serving, _data: data }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) fn operator_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.metrics.unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(self.url(path)).json(body)
    }

    /// Registers somebody and gives the tokens.
    pub(crate) async fn register(&self, name: &str) -> Value {
        let body = json!({"name": name, "password": "a long password"});
        let answer = self.post("/api/v1/register", &body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json().await.unwrap()
    }

    /// A connection on which nothing was said yet.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Asks it to stop, and does not wait.
    pub(crate) fn begin_stop(&self) {
        self.shutdown.cancel();
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.serving).await.expect("stops in time").unwrap().unwrap();
    }
}

/// Checks that an answer is problem details with this status and code.
pub(crate) async fn problem(request: RequestBuilder, status: u16, code: &str) -> Value {
    let answer = request.send().await.unwrap();
    let kind = header(&answer, "content-type").to_owned();
    let got = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert_eq!((got, kind.as_str()), (status, "application/problem+json"), "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&body["status"], &body["code"], &body["type"]),
        (&json!(status), &json!(code), &json!("about:blank"))
    );
    let sentence = body["detail"].as_str().unwrap();
    assert!(sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'), "{body}");
    body
}

pub(crate) fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
