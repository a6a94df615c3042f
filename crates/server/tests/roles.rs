//! Roles as services of their own: real processes with one each, on PostgreSQL and Redis. And what cannot work is refused
//! before it starts.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::Incoming;
use plaza_protocol::Event;
use plaza_testkit::{
    Plaza, Postgres, Program, Redis, Setup, free_port,
    guest::{Guest, room},
    program::{DEADLINE, plaza_command},
};
use reqwest::Client;
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// Much longer than it takes to be told, and shorter than until positions are compared.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Two processes with role `gateway`, and one with role `webhooks`.
struct Apart {
    http: Client,
    gateways: Vec<Plaza>,
    webhooks: Program,
    /// `http://…` of the third.
    post: String,
    data: TempDir,
    postgres: Postgres,
    redis: Redis,
}

impl Apart {
    async fn start() -> Self {
        let (postgres, redis) = (Postgres::start().await.unwrap(), Redis::new().await.unwrap());
        let mut gateways = Vec::new();
        for name in ["a", "b"] {
            let mut setup = Setup::default();
            for (key, value) in shared(&postgres, &redis) {
                setup = setup.env(key, &value);
            }
            let setup = setup.env("PLAZA_SERVER__NODE", name).env("PLAZA_SERVER__ROLES", "gateway");
            gateways.push(setup.start().await.unwrap());
        }
        let (listen, data) = (format!("127.0.0.1:{}", free_port()), tempfile::tempdir().unwrap());
        let webhooks = serve(&postgres, &redis, &listen, &data);
        let http = plaza_client::plain_http().timeout(DEADLINE).build().unwrap();
        let mut apart =
            Self { http, gateways, webhooks, post: format!("http://{listen}"), data, postgres, redis };
        apart.webhooks.wait_for_stdout(&format!("takes webhooks at {}/webhook", apart.post)).await.unwrap();
        apart
    }

    /// The status, and what was answered.
    async fn get(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn until_there(&self, url: &str, wished: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let (_, text) = self.get(url).await;
            if wished(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "{url} is still {text}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn write(&self, text: &str) -> u64 {
        let body = json!({"roomId": "hall", "message": text});
        let answer = self.http.post(format!("{}/webhook", self.post)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["seq"].as_u64().unwrap()
    }
}

fn shared(postgres: &Postgres, redis: &Redis) -> [(&'static str, String); 6] {
    [
        ("PLAZA_STORE__URL", postgres.url()),
        ("PLAZA_STORE__DURABILITY", "none".to_owned()),
        ("PLAZA_BUS__KIND", "redis".to_owned()),
        ("PLAZA_BUS__URLS", redis.url()),
        ("PLAZA_CHAT__LEASE_MS", "1000".to_owned()),
        ("PLAZA_CHAT__POSITION_CHECK_MS", "30000".to_owned()),
    ]
}

fn serve(postgres: &Postgres, redis: &Redis, listen: &str, data: &TempDir) -> Program {
    let folder = data.path().to_string_lossy().into_owned();
    let mut command = plaza_command(["serve", "--role", "webhooks", "--data", &folder]).unwrap();
    command.envs(shared(postgres, redis));
    command.env("PLAZA_SERVER__NODE", "posts").env("PLAZA_WEBHOOKS__LISTEN", listen);
    Program::start(command).unwrap()
}

/// What one is told of the room, up to this.
async fn told(guest: &mut Guest, seq: u64) -> Event {
    let coming = guest.until(|incoming| matches!(incoming, Incoming::Event(event) if event.seq() == seq));
    match timeout(AT_ONCE, coming).await.expect("it is told at once") {
        Incoming::Event(event) => event,
        _ => unreachable!(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_one_process_reach_the_members_at_others_at_once() {
    let mut apart = Apart::start().await;
    let mut members = Vec::new();
    for gateway in &apart.gateways {
        let mut member = Guest::connect(gateway, &format!("guest{}", gateway.port())).await;
        member.connection.join_room(&room("hall")).await.unwrap();
        member.until_resumed().await;
        members.push(member);
    }
    for text in ["one", "two"] {
        let seq = apart.write(text).await;
        for member in &mut members {
            let Event::Message(message) = told(member, seq).await else { panic!("no message") };
            assert!(message.sender.id.as_str().starts_with("w_"), "{message:?}");
        }
    }

    // Each answers for its role, and for nothing else.
    let [a, b] = &apart.gateways[..] else { unreachable!() };
    for path in ["/webhook", "/webhook/image", "/api/v1/webhook"] {
        let answer = apart.http.post(format!("{}{path}", a.url())).json(&json!({})).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!((answer.status().as_u16(), kind.as_str()), (404, "application/problem+json"), "{path}");
    }
    for path in ["/", "/socket.io/?EIO=4&transport=polling", "/api/v1/nodes", "/api/v1/rooms"] {
        assert_eq!(apart.get(&format!("{}{path}", apart.post)).await.0, 404, "{path}");
    }
    let (status, health) = apart.get(&format!("{}/health", apart.post)).await;
    assert!(status == 200 && health.contains(r#""node":"posts""#), "{health}");
    for path in ["/livez", "/readyz"] {
        assert_eq!(apart.get(&format!("{}{path}", apart.post)).await.0, 200, "{path}");
    }
    let nodes = format!("{}/api/v1/nodes", b.url());
    let listed = apart.until_there(&nodes, |text| text.matches(r#""connections":1"#).count() == 2).await;
    assert!(listed.contains(r#""node":"posts","connections":0"#), "{listed}");

    // It is killed: it is forgotten, and the others go on.
    apart.webhooks.kill().await.unwrap();
    let sent = members[0].say(&room("hall"), "c1", "still here").await;
    for member in &mut members {
        told(member, sent.seq).await;
    }
    apart.until_there(&nodes, |text| !text.contains("posts")).await;
    // And it comes back.
    let listen = apart.post.strip_prefix("http://").unwrap();
    apart.webhooks = serve(&apart.postgres, &apart.redis, listen, &apart.data);
    apart.webhooks.wait_for_stdout("takes webhooks at").await.unwrap();
    let seq = apart.write("three").await;
    for member in &mut members {
        told(member, seq).await;
    }
    apart.webhooks.signal("TERM").await.unwrap();
    let status = apart.webhooks.wait().await.unwrap();
    assert!(status.success(), "{status}: {}", apart.webhooks.stderr());
}

#[tokio::test]
async fn a_role_without_what_it_needs_is_refused() {
    let url = ("PLAZA_STORE__URL", "postgres://plaza@127.0.0.1:1/plaza");
    let listen = ("PLAZA_WEBHOOKS__LISTEN", "127.0.0.1:0");
    let off = ("PLAZA_WEBHOOKS__ENABLED", "false");
    let folder = tempfile::tempdir().unwrap();
    for (roles, env, told) in [
        ("webhooks", &[][..], "needs an address of its own: set webhooks.listen"),
        ("webhooks", &[listen], "cannot use a data file: the process that clients are connected to has it"),
        ("webhooks", &[listen, url], "needs a bus"),
        ("webhooks", &[listen, url, off], "nothing would be served"),
        ("calls", &[], "\"gateway\" or \"webhooks\""),
    ] {
        let data = folder.path().to_string_lossy();
        for command in [&["serve", "--listen", "127.0.0.1:0", "--data", &data][..], &["check-config"]] {
            let mut command = plaza_command(command).unwrap();
            command.env("PLAZA_SERVER__ROLES", roles).envs(env.iter().copied());
            let mut program = Program::start(command).unwrap();
            assert!(!program.wait().await.unwrap().success());
            let said = program.stderr();
            assert!(said.contains(told) && said.lines().count() == 1, "{roles} {env:?}: {said}");
        }
    }
    // By the flag it is the command line that is wrong.
    let mut program = Program::start(plaza_command(["serve", "--role", "calls"]).unwrap()).unwrap();
    assert!(!program.wait().await.unwrap().success());
    assert!(program.stderr().contains("[possible values: gateway, webhooks]"), "{}", program.stderr());
}

#[tokio::test]
async fn a_gateway_alone_needs_nothing_more() {
    let plaza = Setup::default().env("PLAZA_SERVER__ROLES", "gateway").start().await.unwrap();
    let mut guest = Guest::connect(&plaza, "ana").await;
    guest.connection.join_room(&room("hall")).await.unwrap();
    guest.until_resumed().await;
    let seq = guest.say(&room("hall"), "c1", "hello").await.seq;
    told(&mut guest, seq).await;
}
