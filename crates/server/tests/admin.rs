//! `plaza admin`, as an administrator runs it: beside a running server, without one, and against one elsewhere.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

use plaza_client::RequestError;
use plaza_protocol::{Code, Credentials, ResetPassword, Tokens};
use plaza_testkit::{Guest, Plaza, Program, Setup, program::plaza_command};
use std::path::Path;

const PASSWORD: &str = "pa55word-of-chief";

/// How a command ended, and what it wrote.
#[derive(Debug)]
struct Ended {
    good: bool,
    stdout: String,
    stderr: String,
}

/// Runs `plaza admin` with this at its stdin.
async fn admin(data: &Path, args: &[&str], stdin: &str, env: &[(&str, &str)]) -> Ended {
    let data = data.to_string_lossy();
    let all = ["admin"].iter().chain(args).copied().chain(["--data", &data]);
    let mut command = plaza_command(all).unwrap();
    let server = plaza_testkit::postgres::schema(data.as_ref().as_ref()).await.unwrap();
    command.envs(server.map(|url| ("PLAZA_STORE__URL", url)));
    command.envs(env.iter().copied()).env("PLAZA_STORE__DURABILITY", "none");
    let mut program = Program::start(command).unwrap();
    // One that wants nothing may be gone already.
    let _ = program.type_keys(stdin).await;
    program.close_stdin();
    let good = program.wait().await.unwrap().success();
    let ended = Ended { good, stdout: program.stdout(), stderr: program.stderr() };
    assert!(!format!("{ended:?}").contains("pa55word"), "it shows a password: {ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
    ended
}

/// What a command that must do it wrote to stdout.
async fn done(data: &Path, args: &[&str], stdin: &str) -> String {
    let ended = admin(data, args, stdin, &[]).await;
    assert!(ended.good, "{ended:?}");
    ended.stdout
}

/// The sentence that a command that must not do it ends with.
async fn refused(data: &Path, args: &[&str], stdin: &str) -> String {
    let ended = admin(data, args, stdin, &[]).await;
    assert!(!ended.good && ended.stdout.is_empty(), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "one sentence: {ended:?}");
    ended.stderr
}

async fn log_in(plaza: &Plaza, name: &str, password: &str) -> Result<Tokens, Code> {
    let who = Credentials { name: name.into(), password: password.into() };
    plaza.rest().unwrap().login(&who).await.map_err(|error| match error {
        RequestError::Refused(error) => error.code,
        other => panic!("{other}"),
    })
}

/// Sets a password by the page's address in `link`.
async fn reset(plaza: &Plaza, link: &str, new: &str) -> u16 {
    let token = link.trim().rsplit_once("/#/reset/").unwrap().1;
    let http = plaza_client::plain_http().build().unwrap();
    let body = ResetPassword { token: token.into(), new: new.into() };
    let asked = http.post(format!("{}/api/v1/password/reset", plaza.url())).json(&body);
    asked.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_first_administrator_is_made_before_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    assert!(refused(data, &["list"], "").await.contains("plaza admin create"));
    assert_eq!(done(data, &["create", "Chief"], &format!("{PASSWORD}\n")).await, "Chief\n");
    let file = data.join("password");
    std::fs::write(&file, format!("{PASSWORD}-2\n")).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(done(data, &["create", "Deputy", "--password-file", file], "").await, "Deputy\n");
    let by_environment = [("PLAZA_ADMIN_PASSWORD_FILE", file)];
    assert!(admin(data, &["create", "Third"], "", &by_environment).await.good);
    done(data, &["revoke", "@third"], "").await;
    let listed = done(data, &["list"], "").await;
    let mut names: Vec<_> = listed.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["Chief", "Deputy"]);

    for (args, stdin, told) in [
        (&["create", "chief"][..], PASSWORD, "plaza admin grant"),
        (&["create", "Сhief"], PASSWORD, "one script"),
        (&["create", "New"], "short\n", "8 to 1,024 bytes"),
        (&["create", "New"], "", "no password"),
        (&["create", "New", "--password-file", "/nowhere/at-all"], "", "/nowhere/at-all"),
        (&["grant", "Nobody"], "", "no account @Nobody"),
        (&["revoke", "not a name"], "", "no account"),
        (&["reset-link", "Nobody"], "", "no account @Nobody"),
    ] {
        let said = refused(data, args, stdin).await;
        assert!(said.starts_with("plaza: ") && said.contains(told), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn it_works_beside_a_running_server() {
    let plaza = Plaza::with_defaults().await.unwrap();
    done(plaza.data(), &["create", "Chief"], PASSWORD).await;
    let chief = log_in(&plaza, "chief", PASSWORD).await.unwrap();
    let rest = plaza.rest().unwrap();
    rest.register(&Credentials { name: "Ana".into(), password: "forgotten by ana".into() }).await.unwrap();

    let link = done(plaza.data(), &["reset-link", "ana"], "").await;
    assert_eq!(link.lines().count(), 1, "{link}");
    assert!(link.starts_with("http://127.0.0.1:3000/#/reset/pr_"), "{link}");
    assert_eq!(reset(&plaza, &link, "remembered by ana").await, 204);
    assert_eq!(reset(&plaza, &link, "remembered by ana").await, 401);
    assert!(log_in(&plaza, "Ana", "remembered by ana").await.is_ok());
    assert_eq!(log_in(&plaza, "Ana", "forgotten by ana").await.err(), Some(Code::Unauthorized));

    // What is taken away is gone with the next request.
    assert!(rest.reset_link(&chief.access_token, "Ana").await.is_ok());
    done(plaza.data(), &["revoke", "Chief"], "").await;
    let refusal = rest.reset_link(&chief.access_token, "Ana").await;
    assert!(
        matches!(&refusal, Err(RequestError::Refused(error)) if error.code == Code::Forbidden),
        "{refusal:?}"
    );
    done(plaza.data(), &["grant", "Chief"], "").await;
    assert!(rest.reset_link(&chief.access_token, "Ana").await.is_ok());
    assert_eq!(rest.health().await.unwrap().status, "ok");
}

#[tokio::test]
async fn many_run_at_once_beside_a_server_that_is_written_to() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let rest = plaza.rest().unwrap();
    let registering = async {
        for number in 0..10 {
            let who = Credentials { name: format!("user-{number}"), password: PASSWORD.into() };
            rest.register(&who).await.unwrap();
        }
    };
    let create = async |name: &str| done(plaza.data(), &["create", name], PASSWORD).await;
    let (_, a, b, c) = tokio::join!(registering, create("Aron"), create("Berta"), create("Carl"));
    assert_eq!([a, b, c], ["Aron\n", "Berta\n", "Carl\n"]);
    assert_eq!(done(plaza.data(), &["list"], "").await.lines().count(), 3);
    for number in 0..10 {
        assert!(log_in(&plaza, &format!("user-{number}"), PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn a_link_is_asked_of_a_server_elsewhere() {
    let mut plaza = Setup::default().env("PLAZA_LOG__LEVEL", "trace").start().await.unwrap();
    done(plaza.data(), &["create", "Chief"], PASSWORD).await;
    let rest = plaza.rest().unwrap();
    rest.register(&Credentials { name: "Ana".into(), password: "forgotten by ana".into() }).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let url = format!("{}/", plaza.url());
    let ask =
        |admin: &'static str| ["reset-link", "Ana", "--server", &*url, "--as", admin].map(str::to_owned);
    let run = async |args: [String; 6], stdin: &str| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        admin(&elsewhere.path().join("none"), &args, stdin, &[]).await
    };
    let given = run(ask("Chief"), PASSWORD).await;
    assert!(given.good && given.stdout.starts_with(&format!("{}/#/reset/pr_", plaza.url())), "{given:?}");
    for (who, password, told) in [
        ("Ana", "forgotten by ana", "Only administrators may do this."),
        ("Chief", "pa55word-of-another", "The name or the password is wrong."),
        ("Nobody", PASSWORD, "The name or the password is wrong."),
    ] {
        let refused = run(ask(who), password).await;
        assert!(!refused.good && refused.stdout.is_empty() && refused.stderr.contains(told), "{refused:?}");
    }
    assert!(!elsewhere.path().join("none").exists(), "nothing is made here");
    assert_eq!(reset(&plaza, &given.stdout, "remembered by ana").await, 204);
    // It leaves no session behind.
    let chief = log_in(&plaza, "Chief", PASSWORD).await.unwrap();
    let http = plaza_client::plain_http().build().unwrap();
    let sessions =
        http.get(format!("{}/api/v1/sessions", plaza.url())).bearer_auth(chief.access_token.expose());
    let sessions: serde_json::Value = sessions.send().await.unwrap().json().await.unwrap();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");

    let token = given.stdout.trim().rsplit_once('/').unwrap().1.to_owned();
    let (_, log) = plaza.terminate().await.unwrap();
    assert!(log.contains("gave out a link"), "{log}");
    for secret in [PASSWORD, "remembered by ana", token.as_str()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn at_a_terminal_the_password_is_typed_twice_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let command = format!(
        "'{}' admin create Chief --data '{}'",
        plaza_testkit::program::plaza_binary().unwrap().display(),
        folder.path().display()
    );
    for (again, good) in [("pa55word-of-another\n", false), ("pa55word-of-chief\n", true)] {
        let mut script = tokio::process::Command::new("script");
        script.args(["-q", "-e", "-c", &command, "/dev/null"]).env("PLAZA_STORE__DURABILITY", "none");
        let mut program = Program::start(script).unwrap();
        program.wait_for_stdout("New password for @Chief: ").await.unwrap();
        program.type_keys(&format!("{PASSWORD}\n")).await.unwrap();
        program.wait_for_stdout("The same again: ").await.unwrap();
        program.type_keys(again).await.unwrap();
        assert_eq!(program.wait().await.unwrap().success(), good, "{}", program.stdout());
        assert!(!program.stdout().contains("pa55word"), "{}", program.stdout());
    }
    assert_eq!(done(folder.path(), &["list"], "").await, "Chief\n");
}

#[tokio::test]
async fn webhooks_are_made_changed_and_ended_beside_a_server() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let ana = Guest::connect(&plaza, "Ana").await;
    ana.connection.join_room(&"hall".parse().unwrap()).await.unwrap();
    let data = plaza.data();
    let url = format!("{}/webhook", plaza.url());
    let http = plaza_client::plain_http().build().unwrap();
    let post = async |key: &str| {
        let body = serde_json::json!({"roomId": "hall", "message": "Built."});
        http.post(&url).bearer_auth(key.trim()).json(&body).send().await.unwrap().status().as_u16()
    };
    assert!(
        refused(data, &["webhook", "add", "Build", "--room", "nowhere"], "")
            .await
            .contains("no room nowhere")
    );
    assert!(refused(data, &["webhook", "add", "Ana", "--room", "hall"], "").await.contains("looks like it"));
    let first = done(data, &["webhook", "add", "Build server", "--room", "hall"], "").await;
    assert!(first.starts_with("whsec_") && first.lines().count() == 1, "{first}");
    assert_eq!(post(&first).await, 200);
    let second = done(data, &["webhook", "rotate", "Build server"], "").await;
    assert_eq!((post(&first).await, post(&second).await), (200, 200));
    assert_eq!(done(data, &["webhook", "list"], "").await, "Build server\thall\t2\n");
    done(data, &["webhook", "rotate", "Build server", "--overlap", "0"], "").await;
    assert_eq!((post(&first).await, post(&second).await), (401, 401));
    done(data, &["webhook", "remove", "Build server"], "").await;
    assert_eq!(done(data, &["webhook", "list"], "").await, "");
    assert!(refused(data, &["webhook", "remove", "Build server"], "").await.contains("no webhook"));
    // Neither key lies in the data.
    for file in std::fs::read_dir(data).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        for key in [&first, &second] {
            let key = key.trim().as_bytes();
            assert!(!bytes.windows(key.len()).any(|window| window == key));
        }
    }
}
