//! Drain: a node that is to stop says so to what stands in front, lets nobody in, keeps who is there for a while, and then
//! lets them go a few at a time, each told when to come back and where to.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::{Incoming, RequestError};
use plaza_protocol::{Code, Credentials, Ending};
use plaza_testkit::{
    Plaza, Program, Setup,
    guest::{Guest, room, within},
    program::plaza_command,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What it answers, and when it says to come again.
async fn asked(plaza: &Plaza, path: &str) -> (u16, Option<String>) {
    let http = plaza_client::plain_http().build().unwrap();
    let answer = http.get(format!("{}{path}", plaza.url())).send().await.unwrap();
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry_after)
}

const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

async fn until_not_ready(plaza: &Plaza) {
    let deadline = Instant::now() + plaza_testkit::program::DEADLINE;
    while asked(plaza, "/readyz").await.0 == 200 {
        assert!(Instant::now() < deadline, "it stays ready");
    }
}

async fn ending(guest: &mut Guest) -> Ending {
    match guest.until(|incoming| matches!(incoming, Incoming::Ending(_))).await {
        Incoming::Ending(ending) => ending,
        _ => unreachable!(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_there_stay_for_a_while_and_then_go_one_after_the_other() {
    let (delay, spread) = (Duration::from_secs(2), Duration::from_secs(2));
    let mut plaza = Setup::default()
        .env("PLAZA_SERVER__NODE", "a")
        .env("PLAZA_SERVER__DRAIN__DELAY_MS", &delay.as_millis().to_string())
        .env("PLAZA_SERVER__DRAIN__SPREAD_MS", &spread.as_millis().to_string())
        .env("PLAZA_SERVER__DRAIN__RETRY_AFTER_MS", "100")
        .env("PLAZA_SERVER__DRAIN__URLS", "https://b.example.org,https://c.example.org")
        .start()
        .await
        .unwrap();
    let mut guests = Vec::new();
    for number in 0..20 {
        let mut guest = Guest::connect(&plaza, &format!("guest{number}")).await;
        guest.connection.join_room(&room("general")).await.unwrap();
        guest.until_resumed().await;
        guests.push(guest);
    }
    assert_eq!(asked(&plaza, "/readyz").await.0, 200);
    plaza.program().unwrap().signal("TERM").await.unwrap();
    until_not_ready(&plaza).await;
    let began = Instant::now();
    assert_eq!(asked(&plaza, HANDSHAKE).await, (503, Some("5".to_owned())), "4.1 s, rounded up");
    // Who is there notices nothing, and what they send is taken.
    let sent = guests[0].say(&room("general"), "c1", "still here").await;
    for guest in &mut guests {
        guest.until(|incoming| matches!(incoming, Incoming::Event(event) if event.seq() == sent.seq)).await;
    }

    let (mut told, mut urls) = (Vec::new(), BTreeSet::new());
    let endings = guests.iter_mut().map(async |guest| {
        let ending = ending(guest).await;
        let at = began.elapsed();
        guest.until_closed().await;
        (ending, at)
    });
    for (ending, at) in within(futures_util::future::join_all(endings)).await {
        assert_eq!(ending.reason, "shutdown");
        assert!((100..=500).contains(&ending.retry_after_ms), "{ending:?}");
        urls.insert(ending.url.unwrap());
        told.push(at);
    }
    told.sort();
    assert!(told[0] + Duration::from_millis(500) > delay, "the first went after {:?}", told[0]);
    let between = told[19] - told[0];
    assert!(between > spread / 2, "all went within {between:?}");
    assert_eq!(urls.into_iter().collect::<Vec<_>>(), ["https://b.example.org", "https://c.example.org"]);
    let status = plaza.program().unwrap().wait().await.unwrap();
    assert!(status.success(), "{status}");
}

/// `plaza drain`, as somebody of this password.
async fn drain(args: &[&str], password: &str) -> (bool, String) {
    let mut program = Program::start(plaza_command([&["drain"], args].concat()).unwrap()).unwrap();
    program.write_line(password).await.unwrap();
    program.close_stdin();
    let status = program.wait().await.unwrap();
    (status.success(), program.stderr())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_has_a_node_stop_and_nobody_else() {
    let delay = Setup::default().env("PLAZA_SERVER__NODE", "a").env("PLAZA_SERVER__DRAIN__DELAY_MS", "60000");
    let mut plaza = delay.start().await.unwrap();
    let url = plaza.url();
    let mut create =
        plaza_command(["admin", "create", "root", "--data", &plaza.data().to_string_lossy()]).unwrap();
    create.env("PLAZA_STORE__CHECK_MS", "0");
    let mut create = Program::start(create).unwrap();
    create.write_line("correct horse").await.unwrap();
    create.close_stdin();
    assert!(create.wait().await.unwrap().success(), "{}", create.stderr());
    let rest = plaza.rest().unwrap();
    let credentials = Credentials { name: "ana".into(), password: "battery staple".into() };
    let tokens = rest.register(&credentials).await.unwrap();
    let refused = rest.drain(&tokens.access_token, "a").await.unwrap_err();
    assert!(matches!(&refused, RequestError::Refused(error) if error.code == Code::Forbidden), "{refused}");

    for (args, password, why) in [
        (&[url.as_str(), "--as", "ana"][..], "battery staple", "Only administrators"),
        (&[&url, "--as", "root", "--node", "b"], "correct horse", "This is node a"),
        (&[&url, "--as", "root"], "wrong horse", "password"),
    ] {
        let (done, said) = drain(args, password).await;
        assert!(!done && said.contains(why), "{said}");
    }
    assert_eq!(asked(&plaza, "/readyz").await.0, 200);
    let (done, said) = drain(&[&url, "--as", "root", "--node", "a"], "correct horse").await;
    assert!(done && said.contains("Node a lets nobody in"), "{said}");
    until_not_ready(&plaza).await;
    // The first signal after it asks, too: only a second one ends the process at once. One that comes before another was
    // seen is the same to the system, so each may have to be sent again.
    let program = plaza.program().unwrap();
    program.signal("TERM").await.unwrap();
    assert_eq!(rest.health().await.unwrap().status, "ok");
    while program.has_ended().unwrap().is_none() {
        // It may end before.
        let _ = program.signal("TERM").await;
    }
    assert_eq!(program.wait().await.unwrap().code(), Some(130), "{}", program.stderr());
}

/// A TCP proxy to a server's port: where else a node may be reached. Who came through it is counted.
async fn another_address(of: &Plaza) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let came = Arc::new(AtomicUsize::new(0));
    let (to, count) = (of.listen(), Arc::clone(&came));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if let Ok(mut server) = tokio::net::TcpStream::connect(&to).await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
            }
        }
    });
    (url, came)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_comes_back_where_it_was_told_to_and_else_where_it_came_from() {
    use plaza_client::{Client, Identity, Options, Update};
    use rand::SeedableRng as _;
    let mut plaza = Setup::default().start().await.unwrap();
    let (url, came) = another_address(&plaza).await;
    let nowhere = format!("http://127.0.0.1:{}", plaza_testkit::free_port());
    let identity = Identity::Guest("Ana".to_owned());
    let (client, mut updates) = Client::start(
        plaza.address().unwrap(),
        identity,
        Options::default(),
        rand::rngs::StdRng::seed_from_u64(1),
    );
    for (told, through) in [(nowhere, 0), (url, 1)] {
        // Each start stands for a node that is told of another one.
        plaza.terminate().await.unwrap();
        plaza.set_up(Setup::default().env("PLAZA_SERVER__DRAIN__URLS", &told));
        plaza.start().await.unwrap();
        let resumed = |update: &Update| matches!(update, Update::Resumed { .. });
        while !within(updates.next()).await.as_ref().is_some_and(resumed) {}
        plaza.terminate().await.unwrap();
        plaza.start().await.unwrap();
        while !within(updates.next()).await.as_ref().is_some_and(resumed) {}
        assert_eq!(came.load(Ordering::SeqCst), through, "told to go to {told}");
    }
    client.close();
}
