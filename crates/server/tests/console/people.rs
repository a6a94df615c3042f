//! Who is online and who is told of it, rooms of two, what owners do to rooms, what a guest leaves behind, and what
//! time it is, said in the console.

use crate::{at_a_terminal, console, say, script};
use plaza_protocol::Timestamp;
use plaza_testkit::{Guest, Plaza, Program, Setup, guest::room, log, program::plaza_command};

/// One who goes is offline soon.
async fn plaza() -> Plaza {
    Setup::default().env("PLAZA_CHAT__PRESENCE_GRACE_MS", "50").start().await.unwrap()
}

#[tokio::test]
async fn one_is_told_who_is_online_and_who_comes_and_goes() {
    let plaza = plaza().await;
    let (mut simon, mut fedir) = (console(&plaza), console(&plaza));
    say(&mut simon, "auth Simon", "Authorized as Simon\n").await;
    say(&mut fedir, "auth Fedir", "Authorized as Fedir\n").await;
    let petro = Guest::connect(&plaza, "Petro").await;
    petro.connection.close();
    say(&mut simon, "subs - Petro", "You are not told of Petro any more\n").await;
    say(&mut simon, "subs Fedir Petro", "User Fedir is online\n").await;
    // Petro may be on the way out still.
    simon.wait_for_stdout("User Petro is ").await.unwrap();
    say(&mut simon, r#"online ["Fedir"]"#, "Online users: Fedir\n").await;
    say(&mut simon, r#"subs [] ["Petro"]"#, "You are not told of Petro any more\n").await;
    say(&mut fedir, "logout", "Logged out").await;
    simon.wait_for_stdout("User Fedir is offline now\n").await.unwrap();
    say(&mut simon, "online Fedir Petro", "There is no user Fedir\n").await;
    // The guest is gone with the log-out, and the name free; who comes under it is somebody else.
    say(&mut fedir, "auth Petro-3", "Authorized as Petro-3\n").await;
    say(&mut simon, r#"online "Fedir" "Petro-3""#, "Online users: Petro-3\n").await;
    say(&mut simon, r#"subs ["Petro-3"] ["Fedir"]"#, "User Petro-3 is online\n").await;
    say(&mut fedir, "hide", "You look offline to others now").await;
    simon.wait_for_stdout("User Petro-3 is offline now\n").await.unwrap();
    say(&mut fedir, "show", "You are seen when you are online").await;
    simon.wait_for_stdout("User Petro-3 is online now\n").await.unwrap();
    simon.close_stdin();
    assert!(simon.wait().await.unwrap().success(), "{}", simon.stderr());
    assert!(!simon.stdout().contains("Petro is offline now"), "nobody is told of one who was dropped");
}

#[tokio::test]
async fn a_killed_console_is_noticed_and_watching_lasts_over_a_restart() {
    let mut plaza = plaza().await;
    let (mut simon, mut fedir) = (console(&plaza), console(&plaza));
    say(&mut simon, "auth Simon", "Authorized").await;
    say(&mut fedir, "auth Fedir", "Authorized").await;
    let petro = Guest::connect(&plaza, "Petro").await;
    say(&mut simon, "subs Fedir Petro", "User Petro is online").await;
    fedir.kill().await.unwrap();
    simon.wait_for_stdout("User Fedir is offline now").await.unwrap();

    plaza.kill().await.unwrap();
    plaza.start().await.unwrap();
    simon.wait_for_stdout("Connected again.").await.unwrap();
    // Petro, who does not come back by himself, went while nobody could tell.
    simon.wait_for_stdout("User Petro is offline now").await.unwrap();
    let _petro = Guest::with_token(&plaza, &petro.token).await;
    simon.wait_for_stdout("User Petro is online now").await.unwrap();
    assert_eq!(simon.stdout().matches("Fedir is offline now").count(), 1, "what was told is not told again");
}

#[tokio::test]
async fn rooms_of_two_and_what_owners_do() {
    let plaza = plaza().await;
    let (mut simon, mut fedir) = (console(&plaza), console(&plaza));
    say(&mut simon, "auth Simon", "Authorized").await;
    say(&mut fedir, "auth Fedir", "Authorized").await;
    say(&mut simon, "direct Fedir", "You and Fedir have a room of your own: write Fedir TEXT").await;
    say(&mut simon, "write Fedir psst", "Sent to Fedir").await;
    fedir.wait_for_stdout("Simon: Message from Simon ==> psst").await.unwrap();
    say(&mut fedir, "block Simon", "User Simon is blocked").await;
    say(&mut fedir, "blocked", "  Simon\n").await;
    simon.write_line("write Fedir hello?").await.unwrap();
    say(&mut simon, "online Fedir", "Online users: none").await;
    say(&mut fedir, "unblock Simon", "User Simon is not blocked any more").await;

    say(&mut simon, r#"createChat "First chat" ["Fedir"]"#, "Member Fedir was added to room First chat")
        .await;
    say(
        &mut simon,
        r#"role "First chat" Fedir moderator"#,
        "Member Fedir is now moderator of room First chat",
    )
    .await;
    fedir.wait_for_stdout("Member Fedir is now moderator").await.unwrap();
    say(&mut fedir, r#"rename "First chat" Second"#, "Room First chat is now called Second").await;
    simon.wait_for_stdout("Room First chat is now called Second").await.unwrap();
    say(&mut simon, "members Second", "  Fedir (guest) (moderator)\n").await;
    say(&mut simon, "ban Second Fedir", "Fedir was banned from room Second").await;
    say(&mut simon, "unban Second Fedir", "Fedir may come back into room Second").await;
    say(&mut fedir, "join general", "Member Fedir was added to room general").await;
    say(&mut simon, "discover GENER", "  general  general (1 member)\n").await;
    simon.close_stdin();
    assert!(!simon.wait().await.unwrap().success());
    assert_eq!(simon.stderr().lines().count(), 2, "{}", simon.stderr());
    assert!(simon.stderr().contains("Fedir does not take messages from you."), "{}", simon.stderr());
}

#[tokio::test]
async fn who_asks_for_nobody_is_told_so() {
    let plaza = plaza().await;
    let (good, stdout, stderr) = script(&plaza, &["auth Simon", "online Simon Petro", "subs Nobody"]).await;
    assert!(good, "{stderr}");
    assert!(
        stdout.ends_with("Online users: Simon\nThere is no user Petro\nThere is no user Nobody\n"),
        "{stdout}"
    );
    let (good, _, stderr) = script(&plaza, &["auth Simon", "subs", "online"]).await;
    assert!(!good);
    for told in ["line 2: It is: subs USER… [- USER…]", "line 3: It is: online USER…"] {
        assert!(stderr.contains(told), "{told}: {stderr}");
    }
}

#[tokio::test]
async fn at_a_terminal_coming_is_green_and_going_is_not() {
    let plaza = plaza().await;
    let mut simon = at_a_terminal(&plaza, false);
    simon.wait_for_stdout("auth NAME to begin").await.unwrap();
    let fedir = Guest::connect(&plaza, "Fedir").await;
    simon.type_keys("auth Simon\rsubs Fedir\r").await.unwrap();
    simon.wait_for_stdout("\x1b[32mUser Fedir is online\x1b[0m").await.unwrap();
    fedir.connection.close();
    simon.wait_for_stdout("\x1b[33mUser Fedir is offline now\x1b[0m").await.unwrap();
    let _fedir = Guest::with_token(&plaza, &fedir.token).await;
    simon.wait_for_stdout("\x1b[32mUser Fedir is online now\x1b[0m").await.unwrap();
    simon.type_keys("\x04").await.unwrap();
    assert!(simon.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_guest_who_logs_out_is_gone_and_the_name_is_free() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (mut simon, mut fedir) = (console(&plaza), console(&plaza));
    say(&mut simon, "auth Simon", "Authorized as Simon\n").await;
    say(&mut fedir, "auth Simon", "Authorized as Simon-2\n").await;
    say(&mut simon, "logout", "Logged out\n").await;
    say(&mut fedir, "online Simon", "There is no user Simon\n").await;
    say(&mut fedir, "logout", "Logged out\n").await;
    say(&mut fedir, "auth Simon", "Authorized as Simon\n").await;
    // One who only leaves keeps the name from others, until the guest has expired.
    fedir.close_stdin();
    assert!(fedir.wait().await.unwrap().success(), "{}", fedir.stderr());
    assert!(!fedir.stdout().contains("ended on the server"), "it was ended here: {}", fedir.stdout());
    say(&mut simon, "auth Simon", "Authorized as Simon-2\n").await;
}

#[tokio::test]
async fn times_are_those_where_the_reader_is() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let eve = Guest::connect(&plaza, "Eve").await;
    eve.connection.join_room(&room("general")).await.unwrap();
    let joined = log::by_socket(&eve.connection, &room("general")).await.unwrap().remove(0).at();
    let mut command = plaza_command(["chat", &plaza.url()]).unwrap();
    command.env("TZ", "XYZ-5:45");
    let mut simon = Program::start(command).unwrap();
    say(&mut simon, "auth Simon", "Authorized").await;
    say(&mut simon, "join general", "was added").await;
    let there = Timestamp::from_millis(joined.as_millis() + (5 * 60 + 45) * 60_000).to_string();
    let line = format!("    1 {} {} Member Eve was added", &there[..10], &there[11..16]);
    say(&mut simon, "history general", &line).await;
}
