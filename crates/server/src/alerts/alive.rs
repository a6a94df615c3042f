//! A file that says, while it is locked, that a node lives on this data, and otherwise how it ended.
//!
//! A process that ends in good order empties it. One that was killed leaves in it when it began, and its lock goes with
//! it: that is what the next one finds.

use plaza_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Its name in the folder of the data.
const NAME: &str = "plaza.alive";

/// A process that lives, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Before {
    pub(crate) node: String,
    pub(crate) began_at: Timestamp,
}

/// Held while a node lives; dropped without [`ended`](Self::ended), it stays as if the process was killed.
#[derive(Debug)]
pub(crate) struct Alive {
    file: File,
}

impl Alive {
    /// Says that a node lives on the data in `folder` from now on, and who did before and ended without a word. `None`:
    /// another node lives there, and says it for itself.
    ///
    /// # Errors
    /// When the file cannot be had.
    pub(crate) fn begin(folder: &Path, now: &Before) -> io::Result<Option<(Self, Option<Before>)>> {
        fs::create_dir_all(folder)?;
        let mut open = OpenOptions::new();
        let mut file =
            open.read(true).write(true).create(true).truncate(false).mode(0o600).open(folder.join(NAME))?;
        if file.try_lock().is_err() {
            return Ok(None);
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let before = serde_json::from_str(&text).ok();
        let mut alive = Self { file };
        alive.write(&serde_json::to_string(now)?)?;
        Ok(Some((alive, before)))
    }

    /// The node has ended in good order, or has said why not.
    pub(crate) fn ended(mut self) -> io::Result<()> {
        self.write("")
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ended_without_a_word_is_found_and_who_lives_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let process = |millis| Before { node: "a".into(), began_at: Timestamp::from_millis(millis) };
        let (first, before) = Alive::begin(folder.path(), &process(1)).unwrap().unwrap();
        assert_eq!(before, None);
        assert!(Alive::begin(folder.path(), &process(2)).unwrap().is_none(), "the first lives");
        drop(first);
        let (third, before) = Alive::begin(folder.path(), &process(3)).unwrap().unwrap();
        assert_eq!(before, Some(process(1)));
        third.ended().unwrap();
        assert_eq!(Alive::begin(folder.path(), &process(4)).unwrap().unwrap().1, None);
    }
}
