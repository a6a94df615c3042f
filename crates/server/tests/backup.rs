//! `plaza backup` and `plaza restore`, with people connected before and after.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::{Client, Identity, Options, Update, Updates};
use plaza_protocol::{Code, Event, History, JoinRoom, Reload, RoomResumed, Seq};
use plaza_testkit::{
    Guest, Plaza, Program,
    guest::{room, within},
    program::plaza_command,
};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, path::Path};

const ROOM: &str = "general";

/// Runs a command to its end: whether it succeeded, and what it said on stdout and stderr.
async fn plaza(args: &[&str]) -> (bool, String, String) {
    let mut program = Program::start(plaza_command(args).unwrap()).unwrap();
    let status = program.wait().await.unwrap();
    (status.success(), program.stdout(), program.stderr())
}

async fn backup(file: &Path, data: &Path) -> (bool, String, String) {
    plaza(&["backup", &file.to_string_lossy(), "--data", &data.to_string_lossy()]).await
}

async fn restore(file: &Path, data: &Path, more: &[&str]) -> (bool, String, String) {
    let (file, data) = (file.to_string_lossy(), data.to_string_lossy());
    plaza(&[&["restore", &file, "--data", &data], more].concat()).await
}

/// The texts of a room's messages by position, as the server has them.
async fn stored(guest: &Guest) -> BTreeMap<Seq, String> {
    let request = History { room_id: room(ROOM), before: None, after: Some(0), limit: Some(200) };
    let page = guest.connection.request(&request).await.unwrap();
    assert!(!page.more);
    texts(&page.events)
}

fn texts(events: &[Event]) -> BTreeMap<Seq, String> {
    let text = |event: &Event| match event {
        Event::Message(message) => {
            let plaza_protocol::Content::Text(body) = &message.content else { panic!("{message:?}") };
            Some((message.seq, body.text.clone()))
        }
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

/// What one who stays connected shows: each event once, and a room that is reloaded begins anew.
async fn show(updates: &mut Updates, shown: &mut BTreeMap<Seq, String>, until: impl Fn(&Update) -> bool) {
    loop {
        let update = within(updates.next()).await.unwrap();
        let done = until(&update);
        match update {
            Update::Event(event) => {
                for (seq, text) in texts(&[event]) {
                    assert!(shown.insert(seq, text).is_none(), "{seq} was shown already");
                }
            }
            Update::Reloaded { page: Some(page), .. } => *shown = texts(&page.events),
            Update::Repeated(_) | Update::Gap { .. } | Update::Refused(_) => panic!("{update:?}"),
            _ => {}
        }
        if done {
            return;
        }
    }
}

fn is_message(text: &'static str) -> impl Fn(&Update) -> bool {
    move |update| matches!(update, Update::Event(event) if texts(std::slice::from_ref(event)).values().any(|t| t == text))
}

/// Restores a backup, and starts again. Nothing is overwritten on the way, and nothing is restored under a server.
async fn put_back(plaza: &mut Plaza, file: &Path, data: &Path) {
    let (done, _, said) = backup(file, data).await;
    assert!(!done && said.contains("exists already"), "{said}");
    let (done, _, said) = restore(file, data, &["--force"]).await;
    assert!(!done && said.contains("in use by another plaza"), "{said}");
    let (status, _) = plaza.terminate().await.unwrap();
    assert!(status.success());
    let (done, _, said) = restore(file, data, &[]).await;
    assert!(!done && said.contains("--force"), "{said}");
    let (done, out, said) = restore(file, data, &["--force"]).await;
    assert!(done && out.contains("reload"), "{out}{said}");
    plaza.start().await.unwrap();
}

#[tokio::test]
async fn a_restored_backup_is_the_past_and_everybody_reloads_it() {
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let (data, folder) = (plaza.data().to_owned(), tempfile::tempdir().unwrap());
    let file = folder.path().join("plaza.backup");

    let ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room(ROOM)).await.unwrap();
    let identity = Identity::Guest("Ben".into());
    let (ben, mut updates) =
        Client::start(plaza.address().unwrap(), identity, Options::default(), StdRng::seed_from_u64(1));
    ben.request(&JoinRoom { room_id: room(ROOM) }).await.unwrap();
    let kept = ana.say(&room(ROOM), "c1", "before the backup").await;

    let (done, out, progress) = backup(&file, &data).await;
    assert!(done && out.contains("plaza.backup"), "{out}{progress}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let lost = ana.say(&room(ROOM), "c2", "after the backup").await;
    ana.say(&room(ROOM), "c3", "and more").await;
    let mut shown = BTreeMap::new();
    show(&mut updates, &mut shown, is_message("and more")).await;
    assert_eq!(shown.len(), 3);

    put_back(&mut plaza, &file, &data).await;

    // Ben comes back by himself, is told why his room cannot go on, and shows what there is.
    let reloaded =
        |update: &Update| matches!(update, Update::Reloaded { reason: Reload::Epoch, page: Some(_), .. });
    show(&mut updates, &mut shown, reloaded).await;
    assert_eq!(shown, [(kept.seq, "before the backup".to_owned())].into());

    // Ana comes back with a position that the restored log has too, and one above its top.
    for held in [kept.seq, lost.seq + 1] {
        let mut back = Guest::resume(&plaza, &ana.token, &ana.epoch, &[(ROOM, held)]).await;
        assert_ne!(back.epoch, ana.epoch);
        let (missed, resumed) = back.until_resumed().await;
        assert!(missed.is_empty(), "{missed:?}");
        assert_eq!(resumed.rooms[ROOM], RoomResumed::Reload { reload: Reload::Epoch });
    }

    // Positions go on from the backup's, and what was acknowledged is known by its name.
    let back = Guest::with_token(&plaza, &ana.token).await;
    assert_eq!(back.say(&room(ROOM), "c1", "before the backup").await, kept);
    let again = back.say(&room(ROOM), "c2", "after the backup").await;
    assert_eq!(back.say(&room(ROOM), "c2", "after the backup").await, again);
    assert_eq!(again.seq, kept.seq + 1);
    let conflict = back.connection.send_message(&room(ROOM), &"c2".parse().unwrap(), "else").await;
    assert!(
        matches!(conflict, Err(plaza_client::RequestError::Refused(error)) if error.code == Code::Conflict)
    );
    back.say(&room(ROOM), "c4", "new").await;
    show(&mut updates, &mut shown, is_message("new")).await;
    assert_eq!(shown, stored(&back).await);
    assert_eq!(shown.len(), 3);
    ben.close();
}

#[tokio::test]
async fn a_backup_is_taken_while_much_is_written() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plaza.backup");
    let ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room(ROOM)).await.unwrap();
    let (connection, (stop, mut stopped)) = (ana.connection.clone(), tokio::sync::oneshot::channel::<()>());
    let writing = tokio::spawn(async move {
        let mut acknowledged = 0;
        while stopped.try_recv().is_err() {
            let client_id = format!("c{acknowledged}").parse().unwrap();
            connection.send_message(&room(ROOM), &client_id, "on and on").await.unwrap();
            acknowledged += 1;
        }
        acknowledged
    });
    let (done, out, said) = backup(&file, plaza.data()).await;
    assert!(done, "{out}{said}");
    stop.send(()).unwrap();
    let acknowledged: u64 = writing.await.unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let (done, out, said) = restore(&file, elsewhere.path(), &[]).await;
    assert!(done, "{out}{said}");
    let options = plaza_store::StoreOptions::new(elsewhere.path().join("plaza.db"), [0; 16]);
    let store = plaza_store::Store::open(options, plaza_chat::MIGRATIONS).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let row = sqlx::query(
        "SELECT COUNT(*), COALESCE(MAX(events.seq), 0), MAX(rooms.seq) FROM rooms LEFT JOIN events ON room_id = rooms.id",
    );
    let row = row.fetch_one(&mut *reader).await.unwrap();
    let [events, newest, top] = [0, 1, 2].map(|column| sqlx::Row::get::<i64, _>(&row, column));
    assert!(events == newest && newest == top && top <= acknowledged as i64 + 1, "{events} {newest} {top}");
}
