//! Does a message reach the disk before it is acknowledged? Read from the server's system calls.
//!
//! Killing a process proves nothing about that, since what it wrote survives in the page cache. `strace` shows
//! the calls in the order in which they happened: the write of the message into SQLite's log (`…-wal`), the sync
//! of that file, and the write of the acknowledgement to a socket.

use std::{collections::HashMap, path::Path};
use tokio::process::Command;

const CALLS: &str =
    "trace=pwrite64,pwritev,write,writev,fdatasync,fsync,sync_file_range,sendto,sendmsg,sendmmsg";

/// `command` under strace, its calls written to `file`. The process that is started is the command itself: signals
/// and the exit status are its own.
pub fn traced(command: &std::process::Command, file: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced
        .args(["-D", "-f", "-yy", "-s", "16384", "-e", CALLS, "-e", "signal=none", "-o"])
        .arg(file)
        .arg("--");
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced
}

/// Why a trace does not show that a message was safe when it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// No write to a write-ahead log bears the message.
    #[error("the message was never written to the write-ahead log")]
    NeverWritten,
    /// No write to a socket bears the acknowledgement.
    #[error("the acknowledgement was never sent")]
    NeverAcknowledged,
    /// The acknowledgement left without a sync of the log after the message's write.
    #[error(
        "line {ack}: acknowledged, but nothing synced {file} since the message was written in line {written}"
    )]
    NotSynced {
        /// The log.
        file: String,
        /// Where the trace shows the write.
        written: usize,
        /// Where it shows the acknowledgement.
        ack: usize,
    },
}

/// One system call on a file descriptor. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call<'a> {
    thread: &'a str,
    name: &'a str,
    /// What the descriptor stands for: a path, or something like `TCP:[…]`.
    target: &'a str,
    /// The arguments as strace prints them.
    arguments: &'a str,
    /// The line where it began.
    begin: usize,
    /// The line where it returned; none if it never did, or failed.
    end: Option<usize>,
}

impl Call<'_> {
    fn is_sync(&self) -> bool {
        matches!(self.name, "fdatasync" | "fsync")
    }

    fn is_file(&self) -> bool {
        self.target.starts_with('/')
    }

    fn is_write_to_log(&self) -> bool {
        !self.is_sync() && self.is_file() && self.target.ends_with("-wal")
    }

    fn is_write_to_socket(&self) -> bool {
        self.target.starts_with("TCP") || self.target.starts_with("socket:")
    }
}

/// Checks a trace: after the write-ahead log was given `message` (text that only this message bears), and before
/// `acknowledgement` (text that only its answer or its event bears) begins to go out on a socket, the log is
/// synced, and the thread that wrote it writes nothing more to it in between.
pub fn synced_before_acknowledged(trace: &str, message: &str, acknowledgement: &str) -> Result<(), Unsafe> {
    let calls = parse(trace);
    let ack = calls
        .iter()
        .find(|call| call.is_write_to_socket() && call.arguments.contains(acknowledgement))
        .ok_or(Unsafe::NeverAcknowledged)?;
    let written = calls
        .iter()
        .find(|call| call.is_write_to_log() && call.arguments.contains(message))
        .ok_or(Unsafe::NeverWritten)?;
    // The commit's last page: what must be on the disk for the message to be there after a power cut.
    let last = calls
        .iter()
        .filter(|call| call.is_write_to_log() && call.target == written.target)
        .filter(|call| call.thread == written.thread && call.begin < ack.begin)
        .max_by_key(|call| call.begin)
        .unwrap_or(written)
        .end
        .unwrap_or(usize::MAX);
    let synced = calls.iter().any(|call| {
        call.is_sync()
            && call.target == written.target
            && call.begin > last
            && call.end.is_some_and(|end| end < ack.begin)
    });
    if synced {
        return Ok(());
    }
    Err(Unsafe::NotSynced { file: written.target.to_owned(), written: written.begin, ack: ack.begin })
}

/// Reads strace's lines, `THREAD name(fd<target>, …) = result`, also where one call's line is cut by another's.
fn parse(trace: &str) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut unfinished: HashMap<&str, usize> = HashMap::new();
    for (index, line) in trace.lines().enumerate() {
        let number = index + 1;
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(call) = unfinished.remove(thread) {
                calls[call].end = succeeded(rest).then_some(number);
            }
            continue;
        }
        let Some(mut call) = read(thread, rest, number) else { continue };
        if rest.ends_with("<unfinished ...>") {
            unfinished.insert(thread, calls.len());
        } else {
            call.end = succeeded(rest).then_some(number);
        }
        calls.push(call);
    }
    calls
}

fn read<'a>(thread: &'a str, rest: &'a str, begin: usize) -> Option<Call<'a>> {
    let (name, arguments) = rest.split_once('(')?;
    let (_, after) = arguments.split_once('<')?;
    // A socket's description holds a `>` of its own, in `->`.
    let end = after.match_indices('>').find(|(at, _)| !after[..*at].ends_with('-'))?.0;
    Some(Call { thread, name, target: &after[..end], arguments, begin, end: None })
}

fn succeeded(line: &str) -> bool {
    line.rsplit_once(") = ").is_some_and(|(_, result)| !result.starts_with('-') && !result.starts_with('?'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &str = r#"11 pwrite64(9</d/plaza.db-wal>, "\r\0hello-1\0", 4096, 32) = 4096"#;
    const COMMIT: &str = r#"11 pwrite64(9</d/plaza.db-wal>, "\0\1", 4096, 4184) = 4096"#;
    const SYNC: &str = "11 fdatasync(9</d/plaza.db-wal>) = 0";
    const ACK: &str = r#"12 writev(15<TCP:[127.0.0.1:3000->127.0.0.1:4000]>, [{iov_base="430[{\"id\":\"m_1\"}]", iov_len=9}], 1) = 9"#;

    fn check(lines: &[&str]) -> Result<(), Unsafe> {
        synced_before_acknowledged(&lines.join("\n"), "hello-1", "m_1")
    }

    fn not_synced(lines: &[&str]) {
        assert!(matches!(check(lines), Err(Unsafe::NotSynced { .. })), "{lines:?}");
    }

    #[test]
    fn write_sync_acknowledge_is_safe() {
        assert_eq!(check(&[WRITE, COMMIT, SYNC, ACK]), Ok(()));
    }

    #[test]
    fn no_sync_or_one_at_the_wrong_time_is_not() {
        not_synced(&[WRITE, COMMIT, ACK]);
        not_synced(&[SYNC, WRITE, COMMIT, ACK]);
        not_synced(&[WRITE, COMMIT, ACK, SYNC]);
        not_synced(&[WRITE, SYNC, COMMIT, ACK]);
    }

    #[test]
    fn a_sync_of_another_file_or_one_that_failed_is_not() {
        not_synced(&[WRITE, COMMIT, "11 fdatasync(8</d/plaza.db>) = 0", ACK]);
        not_synced(&[WRITE, COMMIT, "11 fdatasync(9</d/plaza.db-wal>) = -1 EIO (Input/output error)", ACK]);
    }

    #[test]
    fn a_sync_that_still_runs_is_not() {
        let begun = "11 fdatasync(9</d/plaza.db-wal> <unfinished ...>";
        let done = "11 <... fdatasync resumed>) = 0";
        not_synced(&[WRITE, COMMIT, begun, ACK, done]);
        assert_eq!(check(&[WRITE, COMMIT, begun, "12 write(2</dev/null>, \"x\", 1) = 1", done, ACK]), Ok(()));
    }

    #[test]
    fn a_write_that_goes_on_during_the_sync_is_not() {
        let begun = r#"11 pwrite64(9</d/plaza.db-wal>, "hello-1", 4096, 32 <unfinished ...>"#;
        not_synced(&[
            begun,
            "13 fdatasync(9</d/plaza.db-wal>) = 0",
            "11 <... pwrite64 resumed>) = 4096",
            ACK,
        ]);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(check(&[SYNC, ACK]), Err(Unsafe::NeverWritten));
        assert_eq!(check(&[WRITE, SYNC]), Err(Unsafe::NeverAcknowledged));
        assert_eq!(check(&["", "nonsense", "11 exit(0) = ?"]), Err(Unsafe::NeverAcknowledged));
    }
}
