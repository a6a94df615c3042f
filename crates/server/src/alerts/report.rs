//! The report of one stop, and the folder where the last ones are.

use super::panics::Panic;
use plaza_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write as _,
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Why and where a node stopped. Its JSON is what is kept, and what is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// `node.crashed`: it stopped by itself, in good order. `node.died`: the process before ended without a word.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was written.
    pub timestamp: Timestamp,
    /// The rest.
    pub data: Data,
}

/// What a report tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// Whose report it is.
    pub node: String,
    /// Of which Plaza.
    pub version: String,
    /// When this process began.
    pub began_at: Timestamp,
    /// In one sentence, without a full stop.
    pub reason: String,
    /// The last ones, the newest last.
    pub panics: Vec<Panic>,
}

impl Report {
    pub(super) fn new(
        kind: &str,
        now: i64,
        node: &str,
        began: i64,
        reason: &str,
        panics: Vec<Panic>,
    ) -> Self {
        Self {
            kind: kind.to_owned(),
            timestamp: Timestamp::from_millis(now),
            data: Data {
                node: node.to_owned(),
                version: crate::VERSION.to_owned(),
                began_at: Timestamp::from_millis(began),
                reason: reason.to_owned(),
                panics,
            },
        }
    }

    pub(super) fn in_a_line(&self) -> String {
        let Data { node, version, reason, .. } = &self.data;
        format!("Plaza {version}, node {node}: {reason}.")
    }

    /// For people, as in a mail.
    pub(super) fn in_words(&self) -> String {
        let mut text = format!("{}\n\n", self.in_a_line());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "at     {}\nbegan  {}", self.timestamp, self.data.began_at);
        for panic in &self.data.panics {
            let message = panic.message.as_deref().unwrap_or("(its message is in the log)");
            let _ = writeln!(text, "\npanic  {} at {}: {message}", panic.at, panic.location);
            for line in &panic.backtrace {
                let _ = writeln!(text, "  {line}");
            }
        }
        text
    }
}

/// The folder of the last reports.
pub struct Reports {
    folder: PathBuf,
    most: usize,
}

impl Reports {
    /// At most so many in this folder, which need not be there.
    pub fn new(folder: PathBuf, most: usize) -> Self {
        Self { folder, most }
    }

    /// Writes one, which only its owner may read, and removes those that are one too many.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn keep(&self, report: &Report) -> io::Result<PathBuf> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let at = report.timestamp.to_string().replace(':', "");
        let file = self.folder.join(format!("{at}-{}.json", report.data.node));
        let text = serde_json::to_vec_pretty(report)?;
        let mut open = fs::OpenOptions::new();
        let mut written = open.write(true).create(true).truncate(true).mode(0o600).open(&file)?;
        io::Write::write_all(&mut written, &text)?;
        written.sync_all()?;
        let mut all = self.files();
        all.sort();
        let surplus = all.len().saturating_sub(self.most);
        for old in &all[..surplus] {
            fs::remove_file(old)?;
        }
        Ok(file)
    }

    /// How many nodes stopped by themselves since then; those that were killed do not count.
    pub fn newer_than(&self, since: Timestamp) -> usize {
        let crashed = |file: &PathBuf| {
            let report = read(file)?;
            (report.kind == "node.crashed" && report.timestamp > since).then_some(())
        };
        self.files().iter().filter_map(crashed).count()
    }

    /// Their names begin with their times.
    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        files.filter(|file| file.extension().is_some_and(|ending| ending == "json")).collect()
    }
}

fn read(file: &Path) -> Option<Report> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let reports = Reports::new(folder.path().join("crashes"), 3);
        assert_eq!(reports.newer_than(Timestamp::from_millis(0)), 0);
        for (at, kind) in [(1_000, "node.crashed"), (2_000, "node.died"), (3_000, "node.crashed")] {
            reports
                .keep(&Report::new(kind, at, "a", 0, "The task for the log panicked", Vec::new()))
                .unwrap();
        }
        assert_eq!(reports.newer_than(Timestamp::from_millis(0)), 2);
        assert_eq!(reports.newer_than(Timestamp::from_millis(1_000)), 1);
        let newest = Report::new("node.crashed", 4_000, "a", 0, "again", Vec::new());
        let file = reports.keep(&newest).unwrap();
        assert_eq!(file.file_name().unwrap(), "1970-01-01T000004.000Z-a.json");
        assert_eq!(read(&file), Some(newest));
        let mut left: Vec<_> = reports.files().iter().map(|file| read(file).unwrap().timestamp).collect();
        left.sort();
        assert_eq!(left, [2_000, 3_000, 4_000].map(Timestamp::from_millis));
    }
}
