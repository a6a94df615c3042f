//! Who somebody is to others.

use crate::UserId;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct as _};
use serde_json::{Value, json};

/// A person as others see them, in events and answers; or a program that writes by a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(transform = with_webhook)]
pub struct User {
    /// Stable for the life of the account or guest.
    pub id: UserId,
    /// The name they chose.
    pub name: String,
    /// True for a guest: a name without a password.
    pub guest: bool,
}

impl User {
    /// Whether this is no person, but a program that writes by a webhook. Its id alone says so, so that nothing that
    /// keeps a user can lose it, and none but the server makes ids.
    pub fn is_webhook(&self) -> bool {
        self.id.as_str().starts_with(WEBHOOK)
    }
}

/// What ids of webhooks begin with.
const WEBHOOK: &str = "w_";

/// With `webhook: true` where it is one: those who do not know the field see a guest.
impl Serialize for User {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let webhook = self.is_webhook();
        let mut user = serializer.serialize_struct("User", if webhook { 4 } else { 3 })?;
        user.serialize_field("id", &self.id)?;
        user.serialize_field("name", &self.name)?;
        user.serialize_field("guest", &self.guest)?;
        if webhook {
            user.serialize_field("webhook", &true)?;
        }
        user.end()
    }
}

fn with_webhook(schema: &mut Schema) {
    if let Some(Value::Object(properties)) = schema.ensure_object().get_mut("properties") {
        let about = "True for a program that writes by a webhook, and else absent.";
        properties.insert("webhook".to_owned(), json!({"type": "boolean", "description": about}));
    }
}

/// What a member may do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Made the room, or was handed it: may do everything there.
    Owner,
    /// May rename the room, and remove and ban members.
    Moderator,
    /// Everybody else.
    Member,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Moderator, Self::Member];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Moderator => "moderator",
            Self::Member => "member",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_marked_and_nobody_else() {
        let user = |id: &str| User { id: id.parse().unwrap(), name: "Build".into(), guest: true };
        let hook = serde_json::to_value(user("w_1")).unwrap();
        assert_eq!(hook, json!({"id": "w_1", "name": "Build", "guest": true, "webhook": true}));
        assert_eq!(serde_json::from_value::<User>(hook).unwrap(), user("w_1"));
        let guest = serde_json::to_value(user("v_1")).unwrap();
        assert_eq!(guest, json!({"id": "v_1", "name": "Build", "guest": true}));
        let forged = json!({"id": "u_1", "name": "Build", "guest": true, "webhook": true});
        assert!(!serde_json::from_value::<User>(forged).unwrap().is_webhook());
    }
}
