//! `plaza migrate`, `plaza move-store` and `plaza new-epoch`, as an operator runs them, and a node on a server.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_store::{Durability, Place, Store, StoreOptions};
use plaza_testkit::{Postgres, Program, program::plaza_command};
use sqlx::{Connection as _, PgConnection, Row as _};
use std::{path::Path, time::Duration};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `plaza` with this URL to its end: whether it went well, and all that it wrote.
async fn plaza(args: &[&str], url: &str) -> (bool, String) {
    let mut command = plaza_command(args).unwrap();
    if !url.is_empty() {
        command.env("PLAZA_STORE__URL", url);
    }
    let mut program = Program::start(command).unwrap();
    let good = program.wait().await.unwrap().success();
    let said = program.stdout() + &program.stderr();
    assert!(!said.contains("s3cret") && !said.contains("panicked"), "{said}");
    (good, said)
}

/// With a password, which the server does not ask for.
fn with_password(server: &Postgres) -> String {
    server.url().replace("plaza@", "plaza:s3cret@")
}

async fn filled(file: &Path, events: i64) -> String {
    let place = Place::File(file.to_owned());
    let options = StoreOptions { durability: Durability::None, ..StoreOptions::at(place, [7; 16]) };
    let store = Store::open(options, plaza_chat::MIGRATIONS).await.unwrap();
    let mut tx = store.write().await.unwrap();
    for statement in [
        "INSERT INTO rooms (id, name, kind, seq, created_by, created_at, messages)
         VALUES ('hall', 'Hall', 'group', $1, 'v_a', 0, $1)",
        "INSERT INTO events (room_id, seq, type, id, sender_id, sender_name, sender_guest, client_id, kind, body, at, messages)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)
         SELECT 'hall', n, 'message', 'm_' || n, 'v_a', 'Ana', 1, 'c' || n, 'text', '{\"text\":\"hi\"}', 0, n FROM numbers",
    ] {
        sqlx::query(statement).bind(events).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    store.close().await;
    store.epoch().to_owned()
}

#[tokio::test]
async fn a_move_that_is_killed_half_way_is_completed_by_the_next() {
    const EVENTS: i64 = 40_000;
    let (folder, server) = (tempfile::tempdir().unwrap(), Postgres::start().await.unwrap());
    let epoch = filled(&folder.path().join("plaza.db"), EVENTS).await;
    let from = folder.path().to_str().unwrap();
    let mut command = plaza_command(["move-store", from]).unwrap();
    command.env("PLAZA_STORE__URL", with_password(&server));
    let mut moving = Program::start(command).unwrap();
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline && moving.has_ended().unwrap().is_none(), "{}", moving.stderr());
        let rows = sqlx::query("SELECT rows FROM plaza_moving WHERE name = 'events'");
        let rows = rows.fetch_optional(&mut connection).await.ok().flatten();
        if rows.is_some_and(|row| row.get::<i64, _>(0) >= EVENTS / 4) {
            break;
        }
    }
    moving.kill().await.unwrap();
    moving.wait().await.unwrap();
    let (served, said) = plaza(&["serve", "--listen", "127.0.0.1:0"], &with_password(&server)).await;
    assert!(!served && said.contains("a store is being moved into it"), "{said}");

    let (moved, said) = plaza(&["move-store", from, &with_password(&server)], "").await;
    assert!(moved && said.contains("40000 rows") && said.contains(&epoch), "{said}");
    let counted = sqlx::query("SELECT COUNT(*) FROM events").fetch_one(&mut connection).await.unwrap();
    assert_eq!(counted.get::<i64, _>(0), EVENTS);
    let (again, said) = plaza(&["move-store", from], &with_password(&server)).await;
    assert!(!again && said.contains("it has data already"), "{said}");
}

#[tokio::test]
async fn the_layout_is_brought_up_to_date_without_serving() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Postgres::start().await.unwrap());
    let data = folder.path().to_str().unwrap();
    for url in [String::new(), with_password(&server)] {
        let run = async |args: &[&str]| plaza(&[args, &["--data", data]].concat(), &url).await;
        let (good, said) = run(&["migrate", "--check"]).await;
        assert!(!good && said.contains("lacks"), "{said}");
        let (good, said) = run(&["migrate"]).await;
        assert!(good && said.contains("up to date"), "{said}");
        let (good, said) = run(&["migrate", "--check"]).await;
        assert!(good && said.contains("is up to date"), "{said}");
    }
}

#[tokio::test]
async fn what_is_a_files_alone_says_what_to_do_instead() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Postgres::start().await.unwrap());
    let (data, url) = (folder.path().to_str().unwrap(), with_password(&server));
    let (good, said) = plaza(&["new-epoch"], &url).await;
    assert!(!good && said.contains("There is no data in"), "{said}");
    assert!(plaza(&["migrate"], &url).await.0);
    let file = folder.path().join("backup").display().to_string();
    for (args, part) in [(["backup", &file], "pg_dump"), (["restore", &file], "plaza new-epoch")] {
        let (good, said) = plaza(&[&args[..], &["--data", data]].concat(), &url).await;
        assert!(!good && said.contains(part) && said.lines().count() == 1, "{said}");
    }
    let (good, said) = plaza(&["new-epoch"], &url).await;
    assert!(good && said.contains("is new"), "{said}");
    let (good, said) = plaza(&["new-epoch"], "").await;
    assert!(!good && said.contains("plaza restore"), "{said}");
    let (good, said) = plaza(&["check-config"], &url).await;
    assert!(good && said.contains("store.url = \"postgres://plaza@localhost/postgres\""), "{said}");
    let (good, said) = plaza(&["serve"], "postgres://plaza:s3cret@127.0.0.1:1/plaza").await;
    assert!(!good && said.contains("cannot be reached") && said.lines().count() == 1, "{said}");
}
