//! The kinds a message may have. Each is one file with its fields and their bounds; this one is the table of all.
//!
//! To add a kind: its file, its line in `kinds!`, its lines in `requests!` and `events!`, and its example in
//! `fixtures/kinds.json`. The compiler and the tests over that file then name every other place: the console, the page,
//! the documents.

mod audio;
mod file;
mod flat;
mod image;
mod invalid;
mod location;
mod number;
mod text;
mod url;
mod zalo;

pub use audio::AudioBody;
pub use file::FileBody;
pub use flat::{Posted, SendKind};
pub use image::ImageBody;
pub use invalid::Invalid;
pub use location::LocationBody;
pub use number::{Latitude, Longitude, Seconds};
pub use text::TextBody;
pub use url::HttpsUrl;
pub use zalo::{ZaloBody, ZaloUser};

use crate::{ClientId, RoomId, SendMessage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a message of one kind says. Reading it checks its shape, [`Body::check`] the bounds that a shape has no words
/// for.
pub trait Body: Serialize + DeserializeOwned + JsonSchema + Into<Content> + Send + Sync + 'static {
    /// Which kind.
    const KIND: Kind;

    /// Whether it keeps to its bounds.
    ///
    /// # Errors
    /// The field that does not, and a sentence.
    fn check(&self) -> Result<(), Invalid>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $event:literal: $body:ident => $send:ident, $posted:ident;)*) => {
        /// The kinds a message may have; on the wire `kind` and `body` stand beside the other fields.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind", content = "body")]
        pub enum Content {
            $($(#[$doc])* #[serde(rename = $name)] $kind($body),)*
        }

        /// A [`Content`] that somebody wants to write: one with anything else in it is refused.
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(tag = "kind", content = "body", deny_unknown_fields)]
        pub enum NewContent {
            $($(#[$doc])* #[serde(rename = $name)] $kind($body),)*
        }

        /// A kind without what is said.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)*
        }

        /// [`SendMessage`] as it is read: serde cannot refuse unknown fields beside a flattened one.
        #[derive(Deserialize, JsonSchema)]
        #[serde(tag = "kind", rename_all_fields = "camelCase", deny_unknown_fields)]
        pub(crate) enum FlatMessage {
            $(
                $(#[$doc])*
                #[serde(rename = $name)]
                $kind {
                    /// The room.
                    room_id: RoomId,
                    /// The sender's own name for it; the same again is answered as the first time.
                    client_id: ClientId,
                    /// What it says.
                    body: $body,
                },
            )*
        }

        $(
            #[doc = concat!("`", $event, "`: a message of this kind, flat.")]
            pub type $send = SendKind<$body>;
            #[doc = concat!("What a webhook posts to write one of kind `", $name, "`.")]
            pub type $posted = Posted<$body>;

            impl From<$body> for Content {
                fn from(body: $body) -> Self {
                    Self::$kind(body)
                }
            }
        )*

        impl From<NewContent> for Content {
            fn from(content: NewContent) -> Self {
                match content {
                    $(NewContent::$kind(body) => Self::$kind(body),)*
                }
            }
        }

        impl From<FlatMessage> for SendMessage {
            fn from(message: FlatMessage) -> Self {
                match message {
                    $(FlatMessage::$kind { room_id, client_id, body } => {
                        Self { room_id, client_id, content: Content::$kind(body) }
                    })*
                }
            }
        }

        impl Content {
            /// Which kind it is of.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                }
            }

            /// Whether it keeps to its bounds.
            ///
            /// # Errors
            /// The field that does not, and a sentence.
            pub fn check(&self) -> Result<(), Invalid> {
                match self {
                    $(Self::$kind(body) => body.check(),)*
                }
            }

            /// What it says, as JSON, without its kind.
            ///
            /// # Errors
            /// When serde cannot write it, which is a fault of ours.
            pub fn body_json(&self) -> serde_json::Result<String> {
                match self {
                    $(Self::$kind(body) => serde_json::to_string(body),)*
                }
            }

            /// From its kind and [`Self::body_json`].
            ///
            /// # Errors
            /// For a body that is not of this kind.
            pub fn from_json(kind: Kind, body: &str) -> serde_json::Result<Self> {
                match kind {
                    $(Kind::$kind => serde_json::from_str(body).map(Self::$kind),)*
                }
            }
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name on the wire and in the store.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// The socket event of this kind alone.
            pub fn event(self) -> &'static str {
                match self {
                    $(Self::$kind => $event,)*
                }
            }

            /// The kind of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Plain text.
    Text, "text", "message:text": TextBody => SendText, PostedText;
    /// A picture that lies elsewhere.
    Image, "image", "message:image": ImageBody => SendImage, PostedImage;
    /// A file that lies elsewhere.
    File, "file", "message:file": FileBody => SendFile, PostedFile;
    /// A place.
    Location, "location", "message:location": LocationBody => SendLocation, PostedLocation;
    /// Something to hear that lies elsewhere.
    Audio, "audio", "message:audio": AudioBody => SendAudio, PostedAudio;
    /// What has no kind of its own here and came from Zalo, or is to go there.
    Zalo, "zalo", "message:zalo": ZaloBody => SendZalo, PostedZalo;
}

#[cfg(test)]
mod tests;
