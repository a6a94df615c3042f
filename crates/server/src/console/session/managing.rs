//! What owners and moderators do to a room, the room of two, and finding public ones.

use super::{Session, person};
use crate::console::{show, style::safe, words::quoted};
use plaza_protocol::{BanMember, CreateRoom, DiscoverRooms, RenameRoom, Role, SetRole, UnbanMember};

impl Session {
    pub(super) async fn direct(&self, user: &str) -> Result<(), String> {
        let room = self.ask(&CreateRoom::Direct { user: person(user)? }).await?.room;
        self.shared.directory().add_room(&room);
        let name = safe(&room.name);
        let line = format!("You and {name} have a room of your own: write {} TEXT", quoted(&name));
        self.shared.output.line(&line);
        Ok(())
    }

    pub(super) async fn discover(&self, query: Option<String>) -> Result<(), String> {
        let page = self.ask(&DiscoverRooms { query, after: None }).await?;
        self.show_all(show::discovered(&self.shared.style, &page));
        Ok(())
    }

    pub(super) async fn rename(&self, room: &str, name: String) -> Result<(), String> {
        let id = self.find(room)?;
        let done = self.ask(&RenameRoom { room_id: id.clone(), name }).await?;
        self.shared.until_shown(&id, done.seq).await;
        Ok(())
    }

    pub(super) async fn set_role(&self, room: &str, user: &str, role: Role) -> Result<(), String> {
        let (id, user) = (self.find(room)?, person(user)?);
        let done = self.ask(&SetRole { room_id: id.clone(), user, role }).await?;
        self.shared.until_shown(&id, done.seq).await;
        Ok(())
    }

    pub(super) async fn ban(&self, room: &str, user: &str, banned: bool) -> Result<(), String> {
        let (id, user) = (self.find(room)?, person(user)?);
        let done = if banned {
            self.ask(&BanMember { room_id: id.clone(), user }).await?
        } else {
            self.ask(&UnbanMember { room_id: id.clone(), user }).await?
        };
        self.shared.until_shown(&id, done.seq).await;
        Ok(())
    }
}
