//! A disk without room: writing is refused by name, reading goes on, nothing acknowledged is lost, and when there is room
//! again the same server writes on.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::RequestError;
use plaza_protocol::{Code, Error, Event, History, RoomId, SentMessage};
use plaza_testkit::{Guest, Plaza, Setup, guest::room, program::DEADLINE};
use std::{collections::BTreeMap, path::PathBuf, process::Command, time::Instant};

const ROOM: &str = "general";
/// In the folder of the data: what takes its room.
const BALLAST: &str = "ballast";

/// How a server comes to have little room, and to have more again.
#[derive(Debug, Clone, Copy)]
enum Disk {
    /// A file system of its own, with this much of it taken. It needs a machine that lets its user mount one.
    Small,
    /// No file may be longer than this. It needs nothing.
    ShortFiles,
}

impl Disk {
    fn setup(self) -> Setup {
        match self {
            Self::Small => Setup::default().after(&format!(
                r#"exec unshare -rm sh -c 'mount -t tmpfs -o size=8m,mode=700 tmpfs "$PWD" &&
                    head -c 4000000 /dev/zero > "$PWD/{BALLAST}" && exec "$0" "$@"' "$0" "$@""#
            )),
            // In blocks of 512 bytes.
            Self::ShortFiles => Setup::default().ulimit("-S -f 4096"),
        }
    }

    fn make_room(self, plaza: &mut Plaza) {
        let data = plaza.data().to_owned();
        let pid = plaza.program().unwrap().pid().unwrap();
        match self {
            Self::Small => {
                let inside = PathBuf::from(format!("/proc/{pid}/root{}", data.display()));
                std::fs::remove_file(inside.join(BALLAST)).unwrap();
            }
            Self::ShortFiles => {
                let pid = format!("--pid={pid}");
                let raised = Command::new("prlimit").args([&pid, "--fsize=unlimited:"]).status();
                assert!(raised.unwrap().success());
            }
        }
    }

    /// What people are told.
    fn sentence(self) -> &'static str {
        match self {
            Self::Small => "disk is full",
            Self::ShortFiles => "cannot write to its disk",
        }
    }
}

fn can_mount() -> bool {
    let tried = Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).output();
    tried.is_ok_and(|done| done.status.success())
}

#[tokio::test]
async fn a_file_system_without_room() {
    if can_mount() {
        fills_up(Disk::Small).await;
    } else {
        // The other test shows the same with a disk that fails otherwise; what only this one shows is the sentence.
        eprintln!("This machine lets nobody mount: a bound on the size of files stands for the small disk.");
        fills_up(Disk::ShortFiles).await;
    }
}

#[tokio::test]
async fn files_that_may_not_grow() {
    fills_up(Disk::ShortFiles).await;
}

async fn fills_up(disk: Disk) {
    let mut plaza = disk.setup().start().await.unwrap();
    let ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room(ROOM)).await.unwrap();
    let text = "x".repeat(8_000);
    let mut acknowledged = BTreeMap::new();
    let send = async |number: usize| -> Result<SentMessage, RequestError> {
        let client_id = format!("c{number}").parse().unwrap();
        ana.connection.send_message(&room(ROOM), &client_id, &text).await
    };
    let refused = loop {
        match send(acknowledged.len()).await {
            Ok(sent) => _ = acknowledged.insert(sent.seq, sent.id),
            Err(error) => break refusal(error),
        }
        assert!(acknowledged.len() < 2_000, "it never fills up");
    };
    assert!(acknowledged.len() > 20, "{} messages", acknowledged.len());
    assert!(refused.message.contains(disk.sentence()), "{refused:?}");
    let first_refused = acknowledged.len();
    for number in first_refused..first_refused + 20 {
        let error = refusal(send(number).await.unwrap_err());
        assert!(error.retry_after_ms.is_some_and(|millis| millis >= 10_000), "{error:?}");
    }

    // Reading goes on, also for one who comes now; who watches the server is told.
    assert_eq!(stored(&ana).await, acknowledged);
    assert_eq!(ready(&plaza).await, 503);
    let back = Guest::resume(&plaza, &ana.token, &ana.epoch, &[(ROOM, 1)]).await;
    assert_eq!(stored(&back).await, acknowledged);

    disk.make_room(&mut plaza);
    let deadline = Instant::now() + DEADLINE;
    while ready(&plaza).await != 200 {
        assert!(Instant::now() < deadline, "it does not notice the room");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // What was refused is taken now, once, behind what was taken before.
    for number in first_refused..first_refused + 20 {
        let sent = send(number).await.unwrap();
        assert_eq!(send(number).await.unwrap(), sent);
        assert_eq!(sent.seq, number as u64 + 2, "the join is 1");
        acknowledged.insert(sent.seq, sent.id);
    }
    assert_eq!(stored(&ana).await, acknowledged);

    let stderr = plaza.kill().await.unwrap();
    let errors: Vec<_> = stderr.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "one line a failure: {stderr}");
    assert!(errors[0].contains("takes no writes") && errors[0].contains("plaza.db"), "{errors:?}");
    assert_eq!(stderr.matches("takes writes again").count(), 1, "{stderr}");
    if matches!(disk, Disk::ShortFiles) {
        plaza.set_up(Setup::default());
        plaza.start().await.unwrap();
        let again = Guest::resume(&plaza, &ana.token, &ana.epoch, &[(ROOM, 1)]).await;
        assert_eq!(stored(&again).await, acknowledged);
    }
}

fn refusal(error: RequestError) -> Error {
    match error {
        RequestError::Refused(error) => {
            assert_eq!((error.code, error.retryable), (Code::Unavailable, true), "{error:?}");
            error
        }
        other => panic!("instead of a refusal: {other:?}"),
    }
}

async fn ready(plaza: &Plaza) -> u16 {
    plaza_client::plain_http()
        .build()
        .unwrap()
        .get(format!("{}/readyz", plaza.url()))
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

/// Every message of the room, by position.
async fn stored(guest: &Guest) -> BTreeMap<u64, String> {
    let room: RoomId = room(ROOM);
    let (mut all, mut after) = (BTreeMap::new(), 0);
    loop {
        let request = History { room_id: room.clone(), before: None, after: Some(after), limit: Some(200) };
        let page = guest.connection.request(&request).await.unwrap();
        for event in page.events {
            assert_eq!(event.seq(), after + 1, "no hole");
            after = event.seq();
            if let Event::Message(message) = event {
                all.insert(message.seq, message.id);
            }
        }
        if !page.more {
            return all;
        }
    }
}
