//! Data that is damaged: the server does not start on it, or stops writing to it, and says what to do.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::RequestError;
use plaza_protocol::{Code, History};
use plaza_testkit::{Guest, Plaza, Program, Setup, guest::room, program::plaza_command};
use std::{fs, path::Path};

const ROOM: &str = "general";

/// A server that was stopped after so many messages; its data is what is left.
async fn stopped(setup: Setup, messages: usize) -> (Plaza, Guest) {
    let mut plaza = setup.start().await.unwrap();
    let ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&room(ROOM)).await.unwrap();
    for number in 0..messages {
        ana.say(&room(ROOM), &format!("c{number}"), &"some text ".repeat(80)).await;
    }
    plaza.terminate().await.unwrap();
    (plaza, ana)
}

/// It does not start, says one sentence, and leaves the data as it is.
async fn refused(data: &Path) -> String {
    let file = data.join("plaza.db");
    let before = fs::read(&file).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--data", &data.to_string_lossy()];
    let mut command = plaza_command(args).unwrap();
    // Long enough for all of it, on whatever machine.
    command.env("PLAZA_STORE__CHECK_MS", "60000");
    let mut program = Program::start(command).unwrap();
    assert!(!program.wait().await.unwrap().success());
    let said = program.stderr();
    assert_eq!((program.stdout().as_str(), said.lines().count()), ("", 1), "{said}");
    assert!(said.contains("plaza.db") && said.contains("plaza restore FILE --force"), "{said}");
    assert!(fs::read(&file).unwrap() == before, "it wrote to it");
    said
}

#[tokio::test]
async fn damaged_data_is_refused_and_a_backup_puts_it_right() {
    let (mut plaza, ana) = stopped(Setup::default(), 300).await;
    let (data, folder) = (plaza.data().to_owned(), tempfile::tempdir().unwrap());
    let (data_path, file) = (data.to_string_lossy().into_owned(), folder.path().join("backup"));
    let file = file.to_string_lossy().into_owned();
    let run = async |args: &[&str]| {
        let mut program = Program::start(plaza_command(args).unwrap()).unwrap();
        let status = program.wait().await.unwrap();
        (status.success(), program.stderr())
    };
    // Also without a server.
    assert!(run(&["backup", &file, "--data", &data_path]).await.0);

    let whole = fs::read(data.join("plaza.db")).unwrap();
    let middle = whole.len() / 2 / 4_096 * 4_096;
    let mut page = whole.clone();
    page[middle..middle + 4_096].fill(0x5a);
    for damaged in [page, whole[..middle + 100].to_vec(), b"nonsense".repeat(2_000)] {
        fs::write(data.join("plaza.db"), damaged).unwrap();
        refused(&data).await;
        let (done, said) = run(&["backup", &format!("{file}.2"), "--data", &data_path]).await;
        assert!(!done && !Path::new(&format!("{file}.2")).exists(), "{said}");
    }
    let (done, said) = run(&["restore", &file, "--data", &data_path, "--force"]).await;
    assert!(done, "{said}");
    plaza.start().await.unwrap();
    let back = Guest::with_token(&plaza, &ana.token).await;
    let page = History { room_id: room(ROOM), before: None, after: None, limit: Some(1) };
    assert_eq!(back.connection.request(&page).await.unwrap().events[0].seq(), 301);
}

#[tokio::test]
async fn damage_that_is_met_later_ends_writing_and_is_said_once() {
    let unchecked = Setup::default().env("PLAZA_STORE__CHECK_MS", "0");
    let (mut plaza, ana) = stopped(unchecked, 300).await;
    let file = plaza.data().join("plaza.db");
    let mut damaged = fs::read(&file).unwrap();
    // Pages of the log, where the next message goes among others.
    let texts: Vec<_> = (1..damaged.len() / 4_096)
        .filter(|page| damaged[page * 4_096..][..4_096].windows(18).any(|text| text == b"some text some tex"))
        .collect();
    assert!(texts.len() > 40, "{texts:?}");
    for page in &texts[texts.len() / 2..] {
        damaged[page * 4_096..][..4_096].fill(0x5a);
    }
    fs::write(&file, damaged).unwrap();
    plaza.start().await.unwrap();
    let back = Guest::with_token(&plaza, &ana.token).await;
    for number in 0..5 {
        let client_id = format!("n{number}").parse().unwrap();
        let refused = back.connection.send_message(&room(ROOM), &client_id, "new").await;
        let Err(RequestError::Refused(error)) = refused else { panic!("{refused:?}") };
        assert_eq!(error.code, Code::Unavailable, "{error:?}");
        assert!(error.message.contains("damaged"), "{error:?}");
    }
    let page = History { room_id: room(ROOM), before: None, after: Some(0), limit: Some(20) };
    assert_eq!(back.connection.request(&page).await.unwrap().events.len(), 20, "what is whole is read");
    let ready = plaza_client::plain_http()
        .build()
        .unwrap()
        .get(format!("{}/readyz", plaza.url()))
        .send()
        .await
        .unwrap()
        .status();
    assert_eq!(ready, 503);
    let stderr = plaza.kill().await.unwrap();
    assert_eq!(stderr.matches("The data is damaged").count(), 1, "{stderr}");
    assert!(stderr.contains("plaza restore FILE --force"), "{stderr}");
}
