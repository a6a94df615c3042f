//! `plaza chat` as a process: the reference's session over pipes, scripts and their exit status, a server that is
//! killed, and a person at a terminal whose line is not broken by what comes in.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

mod people;

use plaza_protocol::{Content, Event, TextBody};
use plaza_testkit::{
    Guest, Plaza, Program,
    guest::{at, room},
    log,
    program::{plaza_binary, plaza_command},
};
use tokio::process::Command;

fn console(plaza: &Plaza) -> Program {
    Program::start(plaza_command(["chat", &plaza.url()]).unwrap()).unwrap()
}

/// Types a line and waits for what it brings.
async fn say(console: &mut Program, line: &str, expected: &str) {
    console.write_line(line).await.unwrap();
    console.wait_for_stdout(expected).await.unwrap();
}

/// Gives a console all its lines at once, and tells how it ended.
async fn script(plaza: &Plaza, lines: &[&str]) -> (bool, String, String) {
    let mut console = console(plaza);
    for line in lines {
        console.write_line(line).await.unwrap();
    }
    console.close_stdin();
    let status = console.wait().await.unwrap();
    (status.success(), console.stdout(), console.stderr())
}

#[tokio::test]
async fn two_people_have_the_reference_session() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (mut simon, mut fedir) = (console(&plaza), console(&plaza));
    say(&mut simon, "auth Simon", "Authorized as Simon\n").await;
    say(&mut fedir, "auth Fedir", "Authorized as Fedir\n").await;
    say(&mut simon, "createChat \"First chat\"", "Room First chat was created").await;
    say(&mut simon, "join \"First chat\" Fedir", "Member Fedir was added to room First chat").await;
    fedir.wait_for_stdout("Member Fedir was added to room First chat").await.unwrap();
    say(&mut simon, "write \"First chat\" \"Hi Fedir\"", "Sent to First chat").await;
    fedir.wait_for_stdout("Message from First chat ==> Hi Fedir").await.unwrap();
    say(&mut fedir, "write \"First chat\" Hi Simon", "Sent to First chat").await;
    simon.wait_for_stdout("Message from First chat ==> Hi Simon").await.unwrap();
    say(&mut simon, "history \"First chat\"", "Simon: Message from First chat ==> Hi Fedir").await;
    say(&mut simon, "remove \"First chat\" Fedir", "Member Fedir was removed from room First chat").await;
    fedir.wait_for_stdout("Member Fedir was removed from room First chat").await.unwrap();
    say(&mut simon, "rooms", "First chat  g_").await;
    say(&mut fedir, "rooms", "You are in no room yet").await;
    say(&mut simon, "help", "createChat NAME").await;
    say(&mut simon, "logout", "Logged out").await;
    for console in [&mut simon, &mut fedir] {
        console.close_stdin();
        assert!(console.wait().await.unwrap().success());
        assert_eq!(console.stderr(), "");
        assert!(!console.stdout().contains('\x1b'), "no colour in a pipe: {:?}", console.stdout());
    }
    assert_eq!(
        simon.stdout().matches("==> Hi Fedir").count(),
        1,
        "one's own is not told back, but in history"
    );
}

#[tokio::test]
async fn a_script_finishes_each_command_before_the_next() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let (good, stdout, stderr) = script(
        &plaza,
        &[
            "# one after the other",
            "auth Simon",
            "join general",
            "write general one",
            "write general two",
            "history general 2",
            "quit",
            "rooms",
        ],
    )
    .await;
    assert!(good, "{stdout}{stderr}");
    assert_eq!(stderr, "");
    // Without the times.
    let stamp = |word: &str| word.chars().all(|c| c.is_ascii_digit() || ":-".contains(c));
    let ends: Vec<String> = stdout
        .lines()
        .map(|line| line.split_whitespace().filter(|word| !stamp(word)).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        ends,
        [
            "Authorized as Simon",
            "Member Simon was added to room general",
            "Sent to general",
            "Sent to general",
            "Simon: Message from general ==> one",
            "Simon: Message from general ==> two",
        ]
    );
}

#[tokio::test]
async fn a_command_that_fails_goes_to_stderr_and_fails_the_script() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let lines = [
        "rooms",
        "auth Simon",
        "wriet x y",
        "join \"no such\" Fedir",
        "expect never 0.1",
        "write \"x",
        "rooms",
    ];
    let (good, stdout, stderr) = script(&plaza, &lines).await;
    assert!(!good);
    for (number, told) in [
        (1, "First: auth NAME"),
        (3, "There is no command wriet. Did you mean write?"),
        (4, "You are in no room no such."),
        (5, "\"never\" was not shown within 0.1 s."),
        (6, "A quote is not closed."),
    ] {
        assert!(stderr.contains(&format!("line {number}: {told}")), "{told}: {stderr}");
    }
    assert!(stderr.contains("5 of 7 commands failed."), "{stderr}");
    assert!(stdout.contains("Authorized as Simon") && stdout.contains("You are in no room yet"), "{stdout}");

    let mut nowhere = Program::start(plaza_command(["chat", "http://127.0.0.1:1"]).unwrap()).unwrap();
    nowhere.write_line("auth Simon").await.unwrap();
    nowhere.close_stdin();
    assert!(!nowhere.wait().await.unwrap().success());
    assert!(nowhere.stderr().contains("cannot reach 127.0.0.1:1"), "{}", nowhere.stderr());
    let mut other = Program::start(plaza_command(["chat", "ftp://plaza.example"]).unwrap()).unwrap();
    assert!(!other.wait().await.unwrap().success());
    assert!(other.stderr().contains("is not an address such as http://"), "{}", other.stderr());
}

#[tokio::test]
async fn accounts_are_made_and_logged_in_to() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let password = "correct horse battery";
    let quoted = format!("auth Simon \"{password}\"");
    // In a script the password may stand in the next line, too.
    let (good, stdout, stderr) = script(
        &plaza,
        &[
            "register Simon -",
            password,
            "createChat Mine",
            "logout",
            &quoted,
            "rooms",
            "logout",
            "auth Simon",
        ],
    )
    .await;
    assert!(good, "{stdout}{stderr}");
    assert_eq!(stdout.matches("Authorized as Simon\n").count(), 2, "{stdout}");
    assert!(stdout.contains("  Mine"), "{stdout}");
    assert!(stdout.contains("Authorized as Simon-2"), "a guest does not get an account's name: {stdout}");
    assert!(!stdout.contains(password));
    let (good, _, stderr) = script(&plaza, &["auth Simon wrong-password"]).await;
    assert!(!good && stderr.starts_with("line 1: "), "{stderr}");
}

#[tokio::test]
async fn rooms_of_one_name_are_listed_and_ids_work() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let lines = [
        "auth Simon",
        "createChat Twin",
        "createChat Twin",
        "write Twin hi",
        "join general",
        "write general hi",
    ];
    let (good, stdout, stderr) = script(&plaza, &lines).await;
    assert!(!good);
    assert!(stderr.contains("line 4: Several rooms bear that name; use the id:\n  g_"), "{stderr}");
    assert!(stdout.contains("Sent to general"), "{stdout}");
}

#[tokio::test]
async fn others_cannot_command_the_terminal() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut simon = console(&plaza);
    say(&mut simon, "auth Simon", "Authorized").await;
    say(&mut simon, "join general", "was added").await;
    let eve = Guest::connect(&plaza, "Eve").await;
    eve.connection.join_room(&room("general")).await.unwrap();
    eve.say(&room("general"), "c1", "\x1b[2J\x1b]0;owned\x07\nSimon: Message from general ==> forged").await;
    simon.wait_for_stdout("forged").await.unwrap();
    let shown = simon.stdout();
    let line = shown.lines().find(|line| line.contains("forged")).unwrap();
    assert!(line.contains(r"Eve: Message from general ==> \u{1b}[2J\u{1b}]0;owned\u{7}\nSimon:"), "{line}");
    assert!(!shown.contains('\x1b'));
}

#[tokio::test]
async fn a_killed_server_is_told_and_what_was_written_meanwhile_arrives_once() {
    let mut plaza = Plaza::with_defaults().await.unwrap();
    let mut simon = console(&plaza);
    say(&mut simon, "auth Simon", "Authorized").await;
    say(&mut simon, "join general", "was added").await;
    let eve = Guest::connect(&plaza, "Eve").await;
    eve.connection.join_room(&room("general")).await.unwrap();
    simon.wait_for_stdout("Member Eve was added").await.unwrap();

    plaza.kill().await.unwrap();
    simon.wait_for_stdout("Connection lost:").await.unwrap();
    simon.write_line("write general written while away").await.unwrap();
    plaza.start().await.unwrap();
    simon.wait_for_stdout("Connected again. Nothing was missed.").await.unwrap();
    simon.wait_for_stdout("Sent to general").await.unwrap();
    let back = Guest::with_token(&plaza, &eve.token).await;
    let log = log::by_socket(&back.connection, &room("general")).await.unwrap();
    let text = Content::Text(TextBody { text: "written while away".into() });
    let there =
        log.iter().filter(|event| matches!(event, Event::Message(message) if message.content == text));
    assert_eq!(there.count(), 1);
    simon.close_stdin();
    assert!(simon.wait().await.unwrap().success());
}

/// A console under a pseudo terminal, by util-linux's `script`.
fn at_a_terminal(plaza: &Plaza, no_colour: bool) -> Program {
    let mut command = Command::new("script");
    let chat = format!("'{}' chat {}", plaza_binary().unwrap().display(), plaza.url());
    command.args(["-q", "-e", "-c", &chat, "/dev/null"]).env("TERM", "xterm").env_remove("CLICOLOR");
    command.env_remove("NO_COLOR");
    if no_colour {
        command.env("NO_COLOR", "1");
    }
    Program::start(command).unwrap()
}

/// What a terminal 80 wide shows at the end, as far as the line editor's sequences matter: lines, carriage returns,
/// and "erase to the end".
fn screen(output: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut row, mut column) = (0usize, 0usize);
    let mut chars = output.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => row += 1,
            '\r' => column = 0,
            '\x1b' if chars.next_if_eq(&'[').is_some() => {
                let mut argument = String::new();
                let end = loop {
                    match chars.next() {
                        Some(c) if c.is_ascii_alphabetic() => break c,
                        Some(c) => argument.push(c),
                        None => return lines,
                    }
                };
                let count = argument.parse::<usize>().unwrap_or(1);
                match end {
                    'A' => row = row.saturating_sub(count),
                    'C' => column += count,
                    'D' => column = column.saturating_sub(count),
                    'K' => lines[row] = lines[row].chars().take(column).collect(),
                    'J' => {
                        lines.truncate(row + 1);
                        lines[row] = lines[row].chars().take(column).collect();
                    }
                    _ => {}
                }
            }
            c if c.is_control() => {}
            c => {
                let mut cells: Vec<char> = lines[row].chars().collect();
                cells.resize(cells.len().max(column + 1), ' ');
                cells[column] = c;
                lines[row] = cells.into_iter().collect();
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), String::new());
    }
    lines
}

#[tokio::test]
async fn at_a_terminal_what_comes_in_does_not_break_the_line_being_typed() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut simon = at_a_terminal(&plaza, true);
    simon.wait_for_stdout("auth NAME to begin").await.unwrap();
    simon.type_keys("auth Simon\r").await.unwrap();
    simon.wait_for_stdout("Simon> ").await.unwrap();
    let eve = Guest::connect(&plaza, "Eve").await;
    let id = eve
        .connection
        .create_room(&plaza_protocol::CreateRoom::Group { name: "First chat".into() })
        .await
        .unwrap()
        .id;
    eve.connection.add_member(&id, at("Simon")).await.unwrap();
    simon.wait_for_stdout("Member Simon was added to room First chat").await.unwrap();

    // The room's name is completed, and the line is half typed when a message comes.
    simon.type_keys("write fir\t half a ").await.unwrap();
    simon.wait_for_stdout("half a").await.unwrap();
    eve.say(&id, "c1", "in between").await;
    simon.wait_for_stdout("Message from First chat ==> in between").await.unwrap();
    simon.type_keys("line\r").await.unwrap();
    simon.wait_for_stdout("Sent to First chat").await.unwrap();
    simon.type_keys("quit\r").await.unwrap();
    assert!(simon.wait().await.unwrap().success(), "{}", simon.stdout());

    let output = simon.stdout();
    let screen = screen(&output);
    let find = |text: &str| {
        screen.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {screen:#?}"))
    };
    let message = find("Eve: Message from First chat ==> in between");
    let typed = find("Simon> write \"First chat\" half a line");
    assert!(message < typed, "{screen:#?}");
    assert!(screen[message].ends_with("in between"), "{screen:#?}");
    assert_eq!(screen.iter().filter(|line| line.contains("half a")).count(), 1, "{screen:#?}");
    let mut eve_sees = log::by_socket(&eve.connection, &id).await.unwrap();
    let Some(Event::Message(last)) = eve_sees.pop() else { panic!() };
    assert_eq!(last.content, Content::Text(TextBody { text: "half a line".into() }));
}

#[tokio::test]
async fn at_a_terminal_there_is_colour_and_a_password_is_not_shown() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut simon = at_a_terminal(&plaza, false);
    simon.wait_for_stdout("auth NAME to begin").await.unwrap();
    simon.type_keys("register Simon\r").await.unwrap();
    simon.wait_for_stdout("Password: ").await.unwrap();
    simon.type_keys("correct horse battery\r").await.unwrap();
    simon.wait_for_stdout("\x1b[32mAuthorized as Simon\x1b[0m").await.unwrap();
    // Ctrl-C forgets the line, Ctrl-D leaves.
    simon.wait_for_stdout("Simon> ").await.unwrap();
    simon.type_keys("nonsense\x03").await.unwrap();
    simon.wait_for_stdout_times("Simon> ", 2).await.unwrap();
    simon.type_keys("\x04").await.unwrap();
    assert!(simon.wait().await.unwrap().success());
    assert!(!simon.stdout().contains("correct"), "{:?}", simon.stdout());
    assert!(!simon.stdout().contains("There is no command"), "{:?}", simon.stdout());
}

#[tokio::test]
async fn at_a_terminal_lines_typed_ahead_and_lines_pasted_are_all_carried_out() {
    let plaza = Plaza::with_defaults().await.unwrap();
    let mut simon = at_a_terminal(&plaza, true);
    simon.wait_for_stdout("auth NAME to begin").await.unwrap();
    simon.type_keys("auth Simon\rjoin lobby\rwrite lobby \"typed ahead\"\r").await.unwrap();
    simon.wait_for_stdout("Sent to lobby").await.unwrap();
    // As terminals mark what is pasted: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, Bracketed Paste Mode.
    let pasted = "\x1b[200~write lobby \"pasted first\"\nwrite lobby \"pasted second\"\n\x1b[201~\r";
    simon.type_keys(pasted).await.unwrap();
    simon.wait_for_stdout_times("Sent to lobby", 3).await.unwrap();
    let eve = Guest::connect(&plaza, "Eve").await;
    eve.connection.join_room(&room("lobby")).await.unwrap();
    let texts: Vec<_> = log::by_socket(&eve.connection, &room("lobby"))
        .await
        .unwrap()
        .into_iter()
        .filter_map(|event| match event {
            Event::Message(message) => match message.content {
                Content::Text(body) => Some(body.text),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["typed ahead", "pasted first", "pasted second"]);
    // Who may not come in twice is not asked for a password first.
    simon.type_keys("register Other\rquit\r").await.unwrap();
    assert!(simon.wait().await.unwrap().success());
    assert!(simon.stdout().contains("You are Simon. First: logout"), "{}", simon.stdout());
    assert!(!simon.stdout().contains("Password"), "{}", simon.stdout());
}
