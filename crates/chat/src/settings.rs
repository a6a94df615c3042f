//! What can be configured about chat, each with its bounds.

use crate::Retention;
use plaza_protocol::ManagedBy;
use plaza_protocol::Secret;
use serde::Deserialize;
use std::time::Duration;

/// What can be configured about chat. [`Settings::check`] says whether the values are within their bounds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether one may be a guest: a name without a password. Guests that exist are let in either way.
    pub guests: bool,
    /// Whether joining a public room that does not exist makes it.
    pub create_on_join: bool,
    /// Who may add members to a group and remove them.
    pub members_managed_by: ManagedBy,
    /// Rooms one user may be a member of, 1 to 10,000; and as many direct rooms, of which others may start three quarters.
    pub rooms_per_user: u32,
    /// People banned from one room, 1 to 10,000.
    pub bans_per_room: u32,
    /// How long an access token holds, 30 to 86,400 seconds. A connection outlives its token.
    pub access_token_seconds: u32,
    /// How long a refresh token holds, 3,600 seconds to 365 days. Each use gives a new one.
    pub refresh_token_seconds: u32,
    /// How long a guest stays after the last use of the token, 3,600 seconds to 365 days. Being connected is use.
    pub guest_seconds: u32,
    /// How long a link holds by which a password is set anew, 300 seconds to 30 days.
    pub reset_link_seconds: u32,
    /// Signs access tokens; at least 32 bytes. Absent: made at random once and kept in the store.
    pub token_secret: Option<Secret>,
    /// Passwords hashed at the same time, 1 to 64; absent: as many as there are processors. Each takes 19 MiB.
    pub password_hashes: Option<u32>,
    /// Log-ins and registrations that may wait for a hash, 0 to 10,000; more are answered `busy`.
    pub password_queue: u32,
    /// Commands that may wait for the log, 1 to 1,000,000; more are answered `busy`.
    pub log_queue: u32,
    /// Most commands in one transaction, 1 to 4,096.
    pub log_batch: u32,
    /// How far apart transactions of commands, and of read positions, begin at most, where they come so fast that more of
    /// them then share one, 0 to 100 ms.
    pub commits_apart_ms: u32,
    /// Commits that may wait for the feed, 1 to 65,536.
    pub commit_queue: u32,
    /// Read positions that may wait, 1 to 1,000,000; more are answered `busy`.
    pub read_queue: u32,
    /// Members up to which a room's read positions are told to all of them, 0 to 1,000; 0: nowhere.
    pub receipts_room_size: u32,
    /// Members up to which those of a room are told who is writing, 0 to 1,000; 0: nowhere.
    pub typing_room_size: u32,
    /// How long one stays online after the last connection, 0 to 60,000 milliseconds: a page that is loaded again is no
    /// coming and going.
    pub presence_grace_ms: u32,
    /// People watched by all connections of this node together, 500 to 100,000,000; past it watching more is answered
    /// `busy`. Each takes about 50 bytes.
    pub presence_watches: u32,
    /// How often the positions of this node's rooms are compared with the log where there are other nodes, 1,000 to 30,000
    /// milliseconds; while the bus is down, each second. So long may the last message of a room be missing that the bus has
    /// lost without noticing.
    pub position_check_ms: u32,
    /// How long a node counts as alive that says nothing any more where there are others, 1,000 to 60,000 milliseconds: those
    /// who were online with it are so for up to twice as long.
    pub lease_ms: u32,
    /// For how long rooms are kept.
    pub retention: Retention,
    /// About how many bytes of events one answer holds. Not read from a configuration: it follows from how much may wait
    /// for one client.
    #[serde(skip)]
    pub answer_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: u32 = 24 * 60 * 60;
        Self {
            guests: true,
            create_on_join: true,
            members_managed_by: ManagedBy::Anyone,
            rooms_per_user: 500,
            bans_per_room: 1_000,
            access_token_seconds: 15 * 60,
            refresh_token_seconds: 30 * DAY,
            guest_seconds: 30 * DAY,
            reset_link_seconds: DAY,
            token_secret: None,
            password_hashes: None,
            password_queue: 256,
            log_queue: 8_192,
            log_batch: 512,
            commits_apart_ms: 8,
            commit_queue: 64,
            read_queue: 8_192,
            receipts_room_size: 100,
            typing_room_size: 100,
            presence_grace_ms: 5_000,
            presence_watches: 1_000_000,
            position_check_ms: 10_000,
            lease_ms: 5_000,
            retention: Retention::default(),
            answer_bytes: 256 * 1024,
        }
    }
}

impl Settings {
    /// How often the use of a guest's token is written down: hourly, or 24 times while it holds.
    pub fn guest_renewal(&self) -> Duration {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        HOUR.min(Duration::from_secs(self.guest_seconds.into()) / 24).max(Duration::from_secs(1))
    }

    pub(crate) fn commits_apart(&self) -> Duration {
        Duration::from_millis(self.commits_apart_ms.into())
    }

    /// Guests that were seen last at this moment or before have expired, where it is `now`; both in milliseconds.
    pub(crate) fn guests_since(&self, now: i64) -> i64 {
        now - i64::from(self.guest_seconds) * 1_000
    }

    /// Whether every value is within its bounds.
    ///
    /// # Errors
    /// One sentence that names the first key that is not.
    pub fn check(&self) -> Result<(), String> {
        const YEAR: u32 = 365 * 24 * 60 * 60;
        let bounded = [
            ("rooms_per_user", self.rooms_per_user, 1, 10_000),
            ("bans_per_room", self.bans_per_room, 1, 10_000),
            ("access_token_seconds", self.access_token_seconds, 30, 86_400),
            ("refresh_token_seconds", self.refresh_token_seconds, 3_600, YEAR),
            ("guest_seconds", self.guest_seconds, 3_600, YEAR),
            ("reset_link_seconds", self.reset_link_seconds, 300, 30 * 24 * 60 * 60),
            ("password_hashes", self.password_hashes.unwrap_or(1), 1, 64),
            ("password_queue", self.password_queue, 0, 10_000),
            ("log_queue", self.log_queue, 1, 1_000_000),
            ("log_batch", self.log_batch, 1, 4_096),
            ("commits_apart_ms", self.commits_apart_ms, 0, 100),
            ("commit_queue", self.commit_queue, 1, 65_536),
            ("read_queue", self.read_queue, 1, 1_000_000),
            ("receipts_room_size", self.receipts_room_size, 0, 1_000),
            ("typing_room_size", self.typing_room_size, 0, 1_000),
            ("presence_grace_ms", self.presence_grace_ms, 0, 60_000),
            ("presence_watches", self.presence_watches, 500, 100_000_000),
            ("position_check_ms", self.position_check_ms, 1_000, 30_000),
            ("lease_ms", self.lease_ms, 1_000, 60_000),
        ];
        for (key, value, least, most) in bounded {
            if !(least..=most).contains(&value) {
                return Err(format!("{key} is {value}, and must be from {least} to {most}."));
            }
        }
        if self.token_secret.as_ref().is_some_and(|secret| secret.expose().len() < 32) {
            return Err("token_secret must have at least 32 bytes.".to_owned());
        }
        self.retention.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(Settings::default().check(), Ok(()));
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
    }

    #[test]
    fn what_is_out_of_bounds_or_unknown_is_named() {
        let refused = |json: &str| serde_json::from_str::<Settings>(json).unwrap().check().unwrap_err();
        assert_eq!(refused(r#"{"log_batch": 0}"#), "log_batch is 0, and must be from 1 to 4096.");
        assert!(refused(r#"{"rooms_per_user": 10001}"#).contains("rooms_per_user"));
        assert!(refused(r#"{"password_hashes": 65}"#).contains("password_hashes"));
        assert!(refused(r#"{"token_secret": "short"}"#).contains("token_secret"));
        assert!(serde_json::from_str::<Settings>(r#"{"rooms": 1}"#).is_err());
    }

    #[test]
    fn guests_are_renewed_long_before_they_expire() {
        let renewal = |guest_seconds| Settings { guest_seconds, ..Settings::default() }.guest_renewal();
        assert_eq!(renewal(3_600), Duration::from_secs(150));
        assert_eq!(renewal(30 * 86_400), Duration::from_secs(3_600));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let settings = Settings { token_secret: Some(Secret::new("hush".repeat(8))), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
