//! What one can say to the console: a closed list, read from words.

use super::{
    help::{self, Entry, usage},
    words,
};
use plaza_protocol::{Role, Secret};
use std::time::Duration;

/// A command, checked for its number of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `auth NAME [PASSWORD]`
    Auth { name: String, password: Option<Secret> },
    /// `register NAME [PASSWORD]`
    Register { name: String, password: Option<Secret> },
    /// `createChat NAME [USER…]`
    CreateChat { name: String, users: Vec<String> },
    /// `join ROOM [USER…]`
    Join { room: String, users: Vec<String> },
    /// `direct USER`
    Direct { user: String },
    /// `leave ROOM`
    Leave { room: String },
    /// `remove ROOM USER`
    Remove { room: String, user: String },
    /// `write ROOM TEXT…`
    Write { room: String, text: String },
    /// `rooms`
    Rooms,
    /// `members ROOM`
    Members { room: String },
    /// `history ROOM [N]`
    History { room: String, count: u32 },
    /// `online USER…`
    Online { users: Vec<String> },
    /// `subs USER… [- USER…]`
    Subs { add: Vec<String>, remove: Vec<String> },
    /// `show`, or `hide`
    Visible(bool),
    /// `block USER`, or `unblock USER`
    Block { user: String, blocked: bool },
    /// `blocked`
    Blocked,
    /// `discover [TEXT]`
    Discover { query: Option<String> },
    /// `rename ROOM NAME`
    Rename { room: String, name: String },
    /// `role ROOM USER ROLE`
    Role { room: String, user: String, role: Role },
    /// `ban ROOM USER`, or `unban ROOM USER`
    Ban { room: String, user: String, banned: bool },
    /// `expect TEXT [SECONDS]`
    Expect { text: String, within: Duration },
    /// `help [COMMAND]`
    Help { about: Option<&'static Entry> },
    /// `logout`
    Logout,
    /// `quit`
    Quit,
}

impl Command {
    /// Whether the password is still to be asked for.
    pub(super) fn wants_password(&self) -> bool {
        match self {
            Self::Auth { password, .. } => password.as_ref().is_some_and(is_dash),
            Self::Register { password, .. } => password.as_ref().is_none_or(is_dash),
            _ => false,
        }
    }

    /// The password that was asked for.
    pub(super) fn set_password(&mut self, given: Secret) {
        if let Self::Auth { password, .. } | Self::Register { password, .. } = self {
            *password = Some(given);
        }
    }
}

/// Instead of a password: ask for it.
fn is_dash(password: &Secret) -> bool {
    password.expose() == "-"
}

/// Events that `history` shows if it is not told how many.
const HISTORY: u32 = 20;
/// Most events that `history` shows.
const MAX_HISTORY: u32 = 1_000;
/// How long `expect` waits if it is not told.
const EXPECT: Duration = Duration::from_secs(10);

/// Reads a command from its words; `None` for no words.
pub(super) fn parse(words: &[String]) -> Result<Option<Command>, String> {
    let Some((name, rest)) = words.split_first() else { return Ok(None) };
    let entry = help::entry(name)?;
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    let command = match (entry.name, words.as_slice()) {
        ("auth", [name, rest @ ..]) if rest.len() < 2 => {
            Command::Auth { name: own(name), password: rest.first().map(|word| own(word).into()) }
        }
        ("register", [name, rest @ ..]) if rest.len() < 2 => {
            Command::Register { name: own(name), password: rest.first().map(|word| own(word).into()) }
        }
        ("createChat", [name, users @ ..]) => {
            Command::CreateChat { name: own(name), users: people(users, entry)? }
        }
        ("join", [room, users @ ..]) => Command::Join { room: own(room), users: people(users, entry)? },
        ("direct", users) => Command::Direct { user: person(users, entry)? },
        ("leave", [room]) => Command::Leave { room: own(room) },
        ("remove", [room, users @ ..]) => Command::Remove { room: own(room), user: person(users, entry)? },
        ("write", [room, text @ ..]) if !text.is_empty() => {
            Command::Write { room: own(room), text: text.join(" ") }
        }
        ("rooms", []) => Command::Rooms,
        ("members", [room]) => Command::Members { room: own(room) },
        ("history", [room]) => Command::History { room: own(room), count: HISTORY },
        ("history", [room, count]) => {
            let count = count.parse().ok().filter(|count| (1..=MAX_HISTORY).contains(count));
            let count = count.ok_or_else(|| format!("How many events: 1 to {MAX_HISTORY}."))?;
            Command::History { room: own(room), count }
        }
        ("expect", [text]) => Command::Expect { text: own(text), within: EXPECT },
        ("expect", [text, seconds]) => {
            let within = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            Command::Expect { text: own(text), within: within.ok_or("How many seconds: a number.")? }
        }
        ("help", []) => Command::Help { about: None },
        ("help", [name]) => Command::Help { about: Some(help::entry(name)?) },
        ("logout", []) => Command::Logout,
        ("quit", []) => Command::Quit,
        (_, words) => return others(entry, words).map(Some),
    };
    Ok(Some(command))
}

/// Those about who is there, about people, and about what a room's owners and moderators do.
fn others(entry: &Entry, words: &[&str]) -> Result<Command, String> {
    Ok(match (entry.name, words) {
        ("online", users) if !users.is_empty() => Command::Online { users: people(users, entry)? },
        ("subs", users) if !users.is_empty() => match words::groups(users).as_slice() {
            [add] => Command::Subs { add: add.clone(), remove: Vec::new() },
            [add, remove] => Command::Subs { add: add.clone(), remove: remove.clone() },
            _ => return Err(wrong(entry)),
        },
        ("show", []) => Command::Visible(true),
        ("hide", []) => Command::Visible(false),
        ("block", users) => Command::Block { user: person(users, entry)?, blocked: true },
        ("unblock", users) => Command::Block { user: person(users, entry)?, blocked: false },
        ("blocked", []) => Command::Blocked,
        ("discover", []) => Command::Discover { query: None },
        ("discover", text) => Command::Discover { query: Some(text.join(" ")) },
        ("rename", [room, name]) => Command::Rename { room: own(room), name: own(name) },
        ("role", [room, users @ .., role]) => {
            let known = Role::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(role));
            let role = known.ok_or("A role is owner, moderator or member.")?;
            Command::Role { room: own(room), user: person(users, entry)?, role }
        }
        ("ban", [room, users @ ..]) => {
            Command::Ban { room: own(room), user: person(users, entry)?, banned: true }
        }
        ("unban", [room, users @ ..]) => {
            Command::Ban { room: own(room), user: person(users, entry)?, banned: false }
        }
        _ => return Err(wrong(entry)),
    })
}

fn own(word: &str) -> String {
    word.to_owned()
}

fn wrong(entry: &Entry) -> String {
    format!("It is: {}", usage(entry))
}

/// Names, plain or as one list in brackets.
fn people(words: &[&str], entry: &Entry) -> Result<Vec<String>, String> {
    match words::groups(words).as_slice() {
        [] => Ok(Vec::new()),
        [people] => Ok(people.clone()),
        _ => Err(wrong(entry)),
    }
}

/// One name.
fn person(words: &[&str], entry: &Entry) -> Result<String, String> {
    match people(words, entry)?.as_slice() {
        [person] => Ok(person.clone()),
        _ => Err(wrong(entry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Command>, String> {
        parse(&words::split(line).unwrap())
    }

    #[test]
    fn the_reference_session_is_understood() {
        let room = || "First chat".to_owned();
        let people = |names: &[&str]| names.iter().map(|name| own(name)).collect::<Vec<_>>();
        let subs = |add: &[&str], remove: &[&str]| Command::Subs { add: people(add), remove: people(remove) };
        for (line, command) in [
            ("auth Simon", Command::Auth { name: "Simon".into(), password: None }),
            (r#"createChat "First chat""#, Command::CreateChat { name: room(), users: people(&[]) }),
            (
                r#"createChat "First chat" ["Fedir", "Petro"]"#,
                Command::CreateChat { name: room(), users: people(&["Fedir", "Petro"]) },
            ),
            (r#"join "First chat" Fedir"#, Command::Join { room: room(), users: people(&["Fedir"]) }),
            (r#"join "First chat" ["Fedir"]"#, Command::Join { room: room(), users: people(&["Fedir"]) }),
            ("online Fedir Petro", Command::Online { users: people(&["Fedir", "Petro"]) }),
            (r#"online ["Fedir", "Petro"]"#, Command::Online { users: people(&["Fedir", "Petro"]) }),
            (r#"subs ["Fedir"] ["Petro"]"#, subs(&["Fedir"], &["Petro"])),
            (r#"subs [] ["Petro","Simon"]"#, subs(&[], &["Petro", "Simon"])),
            ("subs Fedir, Petro", subs(&["Fedir", "Petro"], &[])),
            ("subs Fedir - Petro Simon", subs(&["Fedir"], &["Petro", "Simon"])),
            ("subs - Petro", subs(&[], &["Petro"])),
            (r#"write "First chat" "Hi Fedir""#, Command::Write { room: room(), text: "Hi Fedir".into() }),
            (r#"WRITE "First chat" Hi Fedir"#, Command::Write { room: room(), text: "Hi Fedir".into() }),
            (
                r#"write "First chat" [a] ["b"], c"#,
                Command::Write { room: room(), text: "[a] [b], c".into() },
            ),
            (r#"remove "First chat" Fedir"#, Command::Remove { room: room(), user: "Fedir".into() }),
            ("exit", Command::Quit),
        ] {
            assert_eq!(read(line), Ok(Some(command)), "{line}");
        }
        assert_eq!(read("   "), Ok(None));
    }

    #[test]
    fn a_mistake_is_answered_with_what_would_be_right() {
        assert_eq!(read("jion general").unwrap_err(), "There is no command jion. Did you mean join?");
        assert_eq!(
            read("creatchat x").unwrap_err(),
            "There is no command creatchat. Did you mean createChat?"
        );
        assert_eq!(read("frobnicate").unwrap_err(), "There is no command frobnicate. Type help.");
        assert_eq!(read("write general").unwrap_err(), "It is: write ROOM TEXT");
        assert!(
            read("history r 0").is_err() && read("history r 1001").is_err() && read("history r x").is_err()
        );
        assert!(read("expect x -1").is_err());
        assert_eq!(read("subs Fedir [Petro] [Simon]").unwrap_err(), "It is: subs USER… [- USER…]");
        assert!(read("block Fedir Petro").is_err() && read("role r Fedir king").is_err());
    }

    #[test]
    fn every_command_can_be_read_and_has_help() {
        for entry in help::ENTRIES {
            let usage = entry.usage.replace("ROLE", "member");
            let words = usage.split_whitespace().filter(|word| !word.starts_with('['));
            let line = format!("{} {}", entry.name, words.collect::<Vec<_>>().join(" "));
            assert!(matches!(read(&line), Ok(Some(_))), "{line}");
            assert!(help::help(Some(entry))[0].contains(entry.summary));
        }
        assert_eq!(help::help(None).len(), help::ENTRIES.len());
    }
}
