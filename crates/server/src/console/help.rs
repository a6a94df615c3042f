//! The commands' help: what each is called, what follows it, and a sentence.

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
        usage: "NAME [USER…]",
        summary: "make a group room, with these people or bring them in later with join",
        more: "Quote a name with spaces: createChat \"First chat\" Fedir. People may stand in brackets, too: [\"Fedir\"]",
    },
    Entry {
        name: "join",
        usage: "ROOM [USER…]",
        summary: "bring people into a group, or go into a public room",
        more: "join \"First chat\" Fedir adds Fedir to that group. join general makes you a member of the public room \
               with the id general, which may be made by that. A ROOM is named by its name or by its id.",
    },
    Entry {
        name: "write",
        usage: "ROOM TEXT",
        summary: "send a message",
        more: "While the connection is away, messages wait in order and go out when it is back, each once.",
    },
    Entry {
        name: "direct",
        usage: "USER",
        summary: "open the room of you two alone; write USER TEXT then writes there",
        more: "",
    },
    Entry { name: "remove", usage: "ROOM USER", summary: "put USER out of a room", more: "" },
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
        name: "online",
        usage: "USER…",
        summary: "say which of these people are online",
        more: "online Fedir Petro, or as a list: online [\"Fedir\", \"Petro\"]",
    },
    Entry {
        name: "subs",
        usage: "USER… [- USER…]",
        summary: "be told when people come and go; behind - stands who no more",
        more: "subs Fedir Petro watches both, subs - Petro drops Petro. As lists: subs [\"Fedir\"] [\"Petro\"] watches \
               Fedir and drops Petro. It lasts until you log out.",
    },
    Entry { name: "hide", usage: "", summary: "look offline to others, on all of your devices", more: "" },
    Entry { name: "show", usage: "", summary: "be seen again when you are online", more: "" },
    Entry {
        name: "block",
        usage: "USER",
        summary: "hear no more from USER directly, nor be seen by them",
        more: "",
    },
    Entry { name: "unblock", usage: "USER", summary: "the other way round", more: "" },
    Entry { name: "blocked", usage: "", summary: "list whom you have blocked", more: "" },
    Entry {
        name: "discover",
        usage: "[TEXT]",
        summary: "find public rooms, all or those with TEXT in their name",
        more: "",
    },
    Entry { name: "rename", usage: "ROOM NAME", summary: "give a room another name", more: "" },
    Entry {
        name: "role",
        usage: "ROOM USER ROLE",
        summary: "say what USER is there: owner, moderator or member",
        more: "",
    },
    Entry { name: "ban", usage: "ROOM USER", summary: "put USER out of a room and keep them out", more: "" },
    Entry { name: "unban", usage: "ROOM USER", summary: "let USER come back", more: "" },
    Entry {
        name: "expect",
        usage: "TEXT [SECONDS]",
        summary: "wait until a line with TEXT is shown (for scripts)",
        more: "TEXT is one word or quoted. It looks from where the last expect found its text, and fails after SECONDS (10).",
    },
    Entry { name: "help", usage: "[COMMAND]", summary: "this list, or more about one command", more: "" },
    Entry {
        name: "logout",
        usage: "",
        summary: "end the log-in, on the server too",
        more: "A guest is gone then: what was written stays, the name is free. After quit it is taken until the guest has expired.",
    },
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

/// The lines of `help`.
pub(super) fn help(about: Option<&Entry>) -> Vec<String> {
    let Some(entry) = about else {
        return ENTRIES.iter().map(|entry| format!("  {:<26} {}", usage(entry), entry.summary)).collect();
    };
    let mut lines = vec![format!("{}: {}.", usage(entry), entry.summary)];
    lines.extend((!entry.more.is_empty()).then(|| entry.more.to_owned()));
    lines
}

pub(super) fn usage(entry: &Entry) -> String {
    format!("{} {}", entry.name, entry.usage).trim_end().to_owned()
}
