//! Who is online, who is told of it, and whom one does not want to hear from.

use super::{Session, person, sentence};
use crate::console::{show, style::safe};
use plaza_protocol::{
    BlockUser, GetPresence, ListBlocked, PresenceList, SetPresence, UnblockUser, User, UserRef,
};

impl Session {
    pub(super) async fn online(&self, users: &[String]) -> Result<(), String> {
        let list = self.ask(&GetPresence { users: people(users)? }).await?;
        let names: Vec<_> = list.online.iter().map(|user| safe(&user.name)).collect();
        let names =
            if names.is_empty() { "none".to_owned() } else { self.shared.style.good(&names.join(" ")) };
        self.shared.output.line(&format!("Online users: {names}"));
        self.note_unknown(users, &list);
        Ok(())
    }

    pub(super) async fn subs(&self, add: &[String], remove: &[String]) -> Result<(), String> {
        let list = self.client.watch_presence(people(add)?, people(remove)?).await.map_err(sentence)?;
        for line in show::watched(&self.shared.style, &list) {
            self.shared.output.line(&line);
        }
        for name in remove {
            self.shared.output.line(&format!("You are not told of {} any more", safe(name)));
        }
        for user in seen(&list) {
            self.shared.directory().add_person(&user.name);
        }
        self.note_unknown(add, &list);
        Ok(())
    }

    pub(super) async fn set_visible(&self, visible: bool) -> Result<(), String> {
        self.ask(&SetPresence { visible }).await?;
        self.shared.output.line(if visible {
            "You are seen when you are online"
        } else {
            "You look offline to others now"
        });
        Ok(())
    }

    pub(super) async fn block(&self, user: &str, blocked: bool) -> Result<(), String> {
        let (whom, name) = (person(user)?, safe(user.trim_start_matches('@')));
        if blocked {
            self.ask(&BlockUser { user: whom }).await?;
            self.shared.output.line(&format!("User {name} is blocked"));
        } else {
            self.ask(&UnblockUser { user: whom }).await?;
            self.shared.output.line(&format!("User {name} is not blocked any more"));
        }
        Ok(())
    }

    pub(super) async fn blocked(&self) -> Result<(), String> {
        let users = self.ask(&ListBlocked {}).await?.users;
        if users.is_empty() {
            self.shared.output.line("You have blocked nobody");
        }
        for user in &users {
            self.shared.output.line(&format!("  {}", safe(&user.name)));
        }
        Ok(())
    }

    /// Says whom there is not. The server takes a few names for the same that are not spelled so: where more were found
    /// than are known by their spelling, nobody is called missing.
    fn note_unknown(&self, names: &[String], list: &PresenceList) {
        let plain = |name: &str| name.trim_start_matches('@').to_lowercase();
        let there: Vec<_> = seen(list).map(|user| plain(&user.name)).collect();
        if there.iter().any(|there| names.iter().all(|name| plain(name) != *there)) {
            return;
        }
        for name in names.iter().filter(|name| !there.contains(&plain(name))) {
            let line = format!("There is no user {}", safe(name.trim_start_matches('@')));
            self.shared.output.line(&self.shared.style.dim(&line));
        }
    }
}

fn people(names: &[String]) -> Result<Vec<UserRef>, String> {
    names.iter().map(|name| person(name)).collect()
}

fn seen(list: &PresenceList) -> impl Iterator<Item = &User> {
    list.online.iter().chain(list.offline.iter().map(|seen| &seen.user))
}
