//! Starting: what people are told, and that what cannot work ends with one clear sentence.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_testkit::{Plaza, Program, Setup, free_port, program::plaza_command};
use std::{path::Path, time::Duration};

/// Runs a command that must fail, and gives the sentence it fails with.
async fn refused(args: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = plaza_command(args).unwrap();
    command.envs(env.iter().copied());
    let mut program = Program::start(command).unwrap();
    let status = program.wait().await.unwrap();
    let stderr = program.stderr();
    assert!(!status.success(), "it succeeded: {}{stderr}", program.stdout());
    assert_eq!(program.stdout(), "", "what went wrong belongs on stderr");
    assert_eq!(stderr.lines().count(), 1, "one sentence: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

async fn cannot_serve(listen: &str, data: &Path, env: &[(&str, &str)]) -> String {
    refused(&["serve", "--listen", listen, "--data", &data.to_string_lossy()], env).await
}

fn anywhere() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[tokio::test]
async fn it_says_where_it_is_where_the_data_is_and_what_to_do_next() {
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let (url, data) = (plaza.url(), plaza.data().to_string_lossy().into_owned());
    let program = plaza.program().unwrap();
    for text in [url.as_str(), &data, &format!("plaza chat {url}"), "Ctrl-C"] {
        program.wait_for_stdout(text).await.unwrap();
    }
}

#[tokio::test]
async fn it_takes_as_many_files_as_it_may() {
    let mut plaza = Setup::default().ulimit("-Sn 64").start().await.unwrap();
    let pid = plaza.program().unwrap().pid().unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [.., soft, hard, _] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
    assert_eq!(soft, hard, "{line}");
    assert_ne!(hard, "64", "there was nothing to raise");
}

#[tokio::test]
async fn it_says_once_that_files_are_too_few_and_once_that_they_are_used_up() {
    const FILES: usize = 48;
    const REFUSED: &str = "Cannot accept connections";
    let mut plaza = Setup::default().ulimit(&format!("-n {FILES}")).start().await.unwrap();
    let addr = plaza.listen();
    let program = plaza.program().unwrap();
    program.wait_for_stderr(&format!("This process may have {FILES} files open")).await.unwrap();

    let mut connections = Vec::new();
    for _ in 0..FILES {
        connections.push(tokio::net::TcpStream::connect(&addr).await.unwrap());
    }
    program.wait_for_stderr(REFUSED).await.unwrap();
    // For as long as it takes to try again a few times.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(program.stderr().matches(REFUSED).count(), 1, "{}", program.stderr());
    drop(connections);
    assert!(plaza.rest().unwrap().health().await.is_ok(), "it accepts again");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pair = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (ours, other) = (pair(), pair());
    for (name, text) in [
        ("cert.pem", ours.cert.pem()),
        ("key.pem", ours.signing_key.serialize_pem()),
        ("other.pem", other.signing_key.serialize_pem()),
        ("empty.pem", String::new()),
        ("broken.pem", ours.signing_key.serialize_pem().replacen("-----END", "?????END", 1)),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    for (cert, key, told) in [
        ("cert.pem", "none.pem", "cannot read"),
        ("none.pem", "key.pem", "none.pem, which server.tls.cert names"),
        ("cert.pem", "other.pem", "is not the key of the certificate in"),
        ("empty.pem", "key.pem", "holds no certificate"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("cert.pem", "empty.pem", "holds no private key"),
        ("cert.pem", "broken.pem", "is no PEM file: a section does not end"),
    ] {
        let (cert, key) = (path(cert), path(key));
        let env = [("PLAZA_SERVER__TLS__CERT", cert.as_str()), ("PLAZA_SERVER__TLS__KEY", key.as_str())];
        let said = cannot_serve(&anywhere(), folder.path(), &env).await;
        assert!(said.contains(told), "{said}");
        assert!(!said.contains("MI"), "it shows what is in the file: {said}");
        assert!(refused(&["check-config"], &env).await.contains(told));
    }
    let said = cannot_serve(&anywhere(), folder.path(), &[("PLAZA_SERVER__TLS__CERT", "x")]).await;
    assert!(said.contains("server.tls.cert is set and server.tls.key is not"), "{said}");
}

#[tokio::test]
async fn a_certificate_that_is_changed_for_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let issue = || {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path("cert.pem"), pair.cert.pem()).unwrap();
        std::fs::write(path("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    };
    issue();
    let mut command = plaza_command(["serve", "--listen", "127.0.0.1:0", "--data", &path("data")]).unwrap();
    command
        .env("PLAZA_SERVER__TLS__CERT", path("cert.pem"))
        .env("PLAZA_SERVER__TLS__KEY", path("key.pem"))
        .env("PLAZA_SERVER__TLS__RELOAD_MS", "100");
    let mut program = Program::start(command).unwrap();
    program.wait_for_stdout("is open at https://127.0.0.1:").await.unwrap();
    std::fs::write(path("cert.pem"), "not a certificate").unwrap();
    program.wait_for_stderr("The new certificate is not used").await.unwrap();
    issue();
    program.wait_for_stderr("The certificate has changed").await.unwrap();
    assert_eq!(program.stderr().matches("is not used").count(), 1, "{}", program.stderr());
    program.kill().await.unwrap();
}

#[tokio::test]
async fn a_port_in_use() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let said = cannot_serve(&plaza.listen(), other.path(), &[]).await;
    assert!(said.contains(&plaza.listen()) && said.contains("--listen"), "{said}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written() {
    // A file where the folder should be: also root cannot write into that.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::write(&data, "").unwrap();
    let said = cannot_serve(&anywhere(), &data, &[]).await;
    assert!(said.contains(&*data.to_string_lossy()), "{said}");
    let said = cannot_serve(&anywhere(), &data.join("below"), &[]).await;
    assert!(said.contains(&*data.to_string_lossy()), "{said}");
    // And one that nobody can.
    let said = cannot_serve(&anywhere(), Path::new("/proc/plaza"), &[]).await;
    assert!(said.contains("/proc/plaza"), "{said}");
}

#[tokio::test]
async fn data_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("plaza.db"),
        "this is not a database, and long enough to show it".repeat(9),
    )
    .unwrap();
    let said = cannot_serve(&anywhere(), folder.path(), &[]).await;
    assert!(said.contains("plaza.db"), "{said}");
}

#[tokio::test]
async fn a_second_server_on_the_same_data() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let said = cannot_serve(&anywhere(), plaza.data(), &[]).await;
    assert!(said.contains(&*plaza.data().to_string_lossy()), "{said}");
    assert!(plaza.rest().unwrap().health().await.is_ok(), "the first one must not be hurt");
}

#[tokio::test]
async fn a_bad_configuration() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, told) in [
        ("PLAZA_STORE__DURABILITY", "sometimes", "durability"),
        ("PLAZA_SERVER__GRACE_MS", "soon", "grace_ms"),
        ("PLAZA_SERVER__GRACE", "1", "grace"),
        ("PLAZA_SOCKET__OUTBOX_BYTES", "1", "outbox_bytes"),
    ] {
        let said = cannot_serve(&anywhere(), folder.path(), &[(name, value)]).await;
        assert!(said.to_lowercase().contains(told), "{name}={value}: {said}");
    }
    let file = folder.path().join("plaza.toml");
    std::fs::write(&file, "[server]\nlisten = 3000\nlisen = 1\n").unwrap();
    for command in ["serve", "check-config"] {
        let said = refused(&[command, "--config", &file.to_string_lossy()], &[]).await;
        assert!(said.contains("plaza.toml"), "{said}");
    }
    let said = refused(&["check-config", "--config", "/nowhere/plaza.toml"], &[]).await;
    assert!(said.contains("/nowhere/plaza.toml"), "{said}");
}

#[tokio::test]
async fn an_address_that_is_none() {
    let mut program = Program::start(plaza_command(["serve", "--listen", "nonsense"]).unwrap()).unwrap();
    assert!(!program.wait().await.unwrap().success());
    assert!(program.stderr().contains("nonsense"), "{}", program.stderr());
}
