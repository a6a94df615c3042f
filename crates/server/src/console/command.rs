//! What one can say to the console: a closed list, each with its help, read from words.

use plaza_protocol::Secret;
use std::time::Duration;

/// A command, checked for its number of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `auth NAME [PASSWORD]`
    Auth { name: String, password: Option<Secret> },
    /// `register NAME [PASSWORD]`
    Register { name: String, password: Option<Secret> },
    /// `createChat NAME`
    CreateChat { name: String },
    /// `join ROOM [USER]`
    Join { room: String, user: Option<String> },
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

/// A command's line in the help.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As it is typed; upper and lower case are the same.
    pub(super) name: &'static str,
    /// What follows the name.
    pub(super) usage: &'static str,
    /// One line.
    pub(super) summary: &'static str,
    /// More, for `help COMMAND`.
    pub(super) more: &'static str,
}

/// Events that `history` shows if it is not told how many.
const HISTORY: u32 = 20;
/// Most events that `history` shows.
const MAX_HISTORY: u32 = 1_000;
/// How long `expect` waits if it is not told.
const EXPECT: Duration = Duration::from_secs(10);

/// Every command, in the order of the help.
pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "auth",
        usage: "NAME [PASSWORD]",
        summary: "be a guest of that name, or log in to an account",
        more: "Without a password you are a guest; if the name is taken, you become NAME-2. With one you log in. \
               For PASSWORD write - to be asked for it, so that it is not shown.",
    },
    Entry {
        name: "register",
        usage: "NAME [PASSWORD]",
        summary: "make an account and log in to it",
        more: "A name is 1 to 32 letters, digits, . _ or -, a password at least 8 bytes. Without one, or with -, \
               you are asked for it.",
    },
    Entry {
        name: "createChat",
        usage: "NAME",
        summary: "make a group room; bring others in with join",
        more: "Quote a name with spaces: createChat \"First chat\"",
    },
    Entry {
        name: "join",
        usage: "ROOM [USER]",
        summary: "bring USER into a group, or go into a public room",
        more: "join \"First chat\" Fedir adds Fedir to that group. join general makes you a member of the public room \
               with the id general, which may be made by that. A ROOM is named by its name or by its id.",
    },
    Entry {
        name: "write",
        usage: "ROOM TEXT",
        summary: "send a message",
        more: "While the connection is away, messages wait in order and go out when it is back, each once.",
    },
    Entry { name: "remove", usage: "ROOM USER", summary: "put USER out of a group", more: "" },
    Entry { name: "leave", usage: "ROOM", summary: "be a member no more", more: "" },
    Entry { name: "rooms", usage: "", summary: "list your rooms, with what is unread", more: "" },
    Entry { name: "members", usage: "ROOM", summary: "list who is in a room", more: "" },
    Entry {
        name: "history",
        usage: "ROOM [N]",
        summary: "show the newest N events (20), at most 1000, and mark them read",
        more: "",
    },
    Entry {
        name: "expect",
        usage: "TEXT [SECONDS]",
        summary: "wait until a line with TEXT is shown (for scripts)",
        more: "TEXT is one word or quoted. It looks from where the last expect found its text, and fails after SECONDS (10).",
    },
    Entry { name: "help", usage: "[COMMAND]", summary: "this list, or more about one command", more: "" },
    Entry { name: "logout", usage: "", summary: "end the log-in here and on the server", more: "" },
    Entry { name: "quit", usage: "", summary: "leave; Ctrl-D does it too", more: "" },
];

/// The entry of a name.
pub(super) fn entry(name: &str) -> Result<&'static Entry, String> {
    if name.eq_ignore_ascii_case("exit") {
        return entry("quit");
    }
    ENTRIES.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let distance = |entry: &&Entry| {
            strsim::damerau_levenshtein(&entry.name.to_ascii_lowercase(), &name.to_lowercase())
        };
        let shown = super::style::safe(name);
        match ENTRIES.iter().min_by_key(distance).filter(|entry| distance(entry) <= 2) {
            Some(near) => format!("There is no command {shown}. Did you mean {}?", near.name),
            None => format!("There is no command {shown}. Type help."),
        }
    })
}

/// Reads a command from its words; `None` for no words.
pub(super) fn parse(words: &[String]) -> Result<Option<Command>, String> {
    let Some((name, rest)) = words.split_first() else { return Ok(None) };
    let entry = entry(name)?;
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    let own = |word: &&str| (*word).to_owned();
    let command = match (entry.name, words.as_slice()) {
        ("auth", [name, rest @ ..]) if rest.len() < 2 => {
            Command::Auth { name: own(name), password: rest.first().map(|word| own(word).into()) }
        }
        ("register", [name, rest @ ..]) if rest.len() < 2 => {
            Command::Register { name: own(name), password: rest.first().map(|word| own(word).into()) }
        }
        ("createChat", [name]) => Command::CreateChat { name: own(name) },
        ("join", [room]) => Command::Join { room: own(room), user: None },
        ("join", [room, user]) => Command::Join { room: own(room), user: Some(own(user)) },
        ("leave", [room]) => Command::Leave { room: own(room) },
        ("remove", [room, user]) => Command::Remove { room: own(room), user: own(user) },
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
        ("help", [name]) => Command::Help { about: Some(self::entry(name)?) },
        ("logout", []) => Command::Logout,
        ("quit", []) => Command::Quit,
        _ => return Err(format!("It is: {}", usage(entry))),
    };
    Ok(Some(command))
}

/// The lines of `help`.
pub(super) fn help(about: Option<&Entry>) -> Vec<String> {
    let Some(entry) = about else {
        return ENTRIES.iter().map(|entry| format!("  {:<26} {}", usage(entry), entry.summary)).collect();
    };
    let mut lines = vec![format!("{}: {}.", usage(entry), entry.summary)];
    lines.extend((!entry.more.is_empty()).then(|| entry.more.to_owned()));
    lines
}

fn usage(entry: &Entry) -> String {
    format!("{} {}", entry.name, entry.usage).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Command>, String> {
        parse(&super::super::words::split(line).unwrap())
    }

    #[test]
    fn the_reference_session_is_understood() {
        let room = || "First chat".to_owned();
        for (line, command) in [
            ("auth Simon", Command::Auth { name: "Simon".into(), password: None }),
            (r#"createChat "First chat""#, Command::CreateChat { name: room() }),
            (r#"join "First chat" Fedir"#, Command::Join { room: room(), user: Some("Fedir".into()) }),
            (r#"write "First chat" "Hi Fedir""#, Command::Write { room: room(), text: "Hi Fedir".into() }),
            (r#"WRITE "First chat" Hi Fedir"#, Command::Write { room: room(), text: "Hi Fedir".into() }),
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
    }

    #[test]
    fn every_command_can_be_read_and_has_help() {
        for entry in ENTRIES {
            let words = entry.usage.split_whitespace().filter(|word| !word.starts_with('['));
            let line = format!("{} {}", entry.name, words.collect::<Vec<_>>().join(" "));
            assert!(matches!(read(&line), Ok(Some(_))), "{line}");
            assert!(help(Some(entry))[0].contains(entry.summary));
        }
        assert_eq!(help(None).len(), ENTRIES.len());
    }
}
