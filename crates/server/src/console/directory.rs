//! The names of rooms and people that the console has come across: to read `ROOM` by name or id, and to complete.

use super::{help::ENTRIES, style::safe, words};
use plaza_protocol::{Role, RoomId, RoomSummary};
use std::collections::{BTreeMap, BTreeSet};

/// Rooms of the one logged in, and people seen.
#[derive(Debug, Default)]
pub(super) struct Directory {
    rooms: BTreeMap<RoomId, String>,
    people: BTreeSet<String>,
}

impl Directory {
    /// Replaces the rooms.
    pub(super) fn set_rooms(&mut self, rooms: &[RoomSummary]) {
        self.rooms = rooms.iter().map(|room| (room.id.clone(), room.name.clone())).collect();
    }

    /// One is a member of this room.
    pub(super) fn add_room(&mut self, room: &RoomSummary) {
        self.rooms.insert(room.id.clone(), room.name.clone());
    }

    /// One is no member any more.
    pub(super) fn forget_room(&mut self, room: &RoomId) {
        self.rooms.remove(room);
    }

    /// Somebody was seen.
    pub(super) fn add_person(&mut self, name: &str) {
        self.people.insert(name.to_owned());
    }

    /// The room's name, if one is a member.
    pub(super) fn name(&self, room: &RoomId) -> Option<&str> {
        self.rooms.get(room).map(String::as_str)
    }

    /// The room that `text` means: by id, by name, or by name whatever its case. `None` for none of one's rooms;
    /// an error, with a line for each, when several bear the name.
    pub(super) fn find(&self, text: &str) -> Result<Option<RoomId>, String> {
        if let Some((id, _)) = self.rooms.iter().find(|(id, _)| id.as_str() == text) {
            return Ok(Some(id.clone()));
        }
        let lower = text.to_lowercase();
        let ways: [&dyn Fn(&str) -> bool; 2] = [&|name| name == text, &|name| name.to_lowercase() == lower];
        for same in ways {
            let found: Vec<_> = self.rooms.iter().filter(|(_, name)| same(name)).collect();
            match found.as_slice() {
                [] => {}
                [(id, _)] => return Ok(Some((*id).clone())),
                several => {
                    let lines = several.iter().map(|(id, name)| format!("\n  {id}  {}", safe(name)));
                    return Err(format!(
                        "Several rooms bear that name; use the id:{}",
                        lines.collect::<String>()
                    ));
                }
            }
        }
        Ok(None)
    }

    /// What the word at the end of `line` may become, and where it begins.
    pub(super) fn complete(&self, line: &str) -> (usize, Vec<String>) {
        let word = words::typing(line);
        let all: Vec<&str> = match word.before {
            0 => ENTRIES.iter().map(|entry| entry.name).collect(),
            _ => {
                let command = line.split_whitespace().next().unwrap_or_default().to_lowercase();
                match (command.as_str(), word.before) {
                    ("help", 1) => ENTRIES.iter().map(|entry| entry.name).collect(),
                    (
                        "join" | "write" | "remove" | "leave" | "members" | "history" | "rename" | "role"
                        | "ban" | "unban",
                        1,
                    ) => self.rooms.values().map(String::as_str).collect(),
                    ("join" | "remove" | "role" | "ban" | "unban", 2)
                    | ("direct" | "block" | "unblock", 1)
                    | ("online" | "subs", _) => self.people.iter().map(String::as_str).collect(),
                    ("role", 3) => Role::ALL.iter().map(|role| role.as_str()).collect(),
                    _ => Vec::new(),
                }
            }
        };
        let begun = word.text.to_lowercase();
        let mut fitting: Vec<_> = all
            .into_iter()
            .filter(|name| name.to_lowercase().starts_with(&begun))
            .map(words::quoted)
            .collect();
        fitting.sort();
        fitting.dedup();
        (word.start, fitting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let rooms = [("g_1", "First chat"), ("g_2", "Twins"), ("g_3", "Twins"), ("general", "General")];
        Directory {
            rooms: rooms.iter().map(|(id, name)| (id.parse().unwrap(), (*name).to_owned())).collect(),
            people: ["Fedir".to_owned(), "Simon".to_owned()].into(),
        }
    }

    #[test]
    fn rooms_are_found_by_id_name_and_case() {
        let directory = directory();
        let found = |text| directory.find(text).unwrap().map(|id| id.to_string());
        assert_eq!(found("First chat").as_deref(), Some("g_1"));
        assert_eq!(found("first CHAT").as_deref(), Some("g_1"));
        assert_eq!(found("g_2").as_deref(), Some("g_2"));
        assert_eq!(found("nowhere"), None);
        let twins = directory.find("Twins").unwrap_err();
        assert!(twins.contains("g_2") && twins.contains("g_3"), "{twins}");
    }

    #[test]
    fn commands_rooms_and_people_are_completed() {
        let directory = directory();
        let complete = |line| directory.complete(line);
        assert_eq!(complete("jo"), (0, vec!["join".into()]));
        assert_eq!(complete("join Fi"), (5, vec!["\"First chat\"".into()]));
        assert_eq!(complete("write \"first c"), (6, vec!["\"First chat\"".into()]));
        assert_eq!(complete("join \"First chat\" F"), (18, vec!["Fedir".into()]));
        assert_eq!(complete("write General F").1, Vec::<String>::new());
        assert_eq!(complete("online Fedir S"), (13, vec!["Simon".into()]));
        assert_eq!(complete("role General Fedir mo"), (19, vec!["moderator".into()]));
        assert_eq!(complete("help log"), (5, vec!["logout".into()]));
    }
}
