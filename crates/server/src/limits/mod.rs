//! How often one address, and one name, may try to come in and stay: connecting, logging in, registering, coming as a
//! guest, renewing a log-in and ending it. And how often one person may write into rooms, and change what many others are told of.
//!
//! Every try must be within two rates, the address's and the name's, and is counted against both or neither, so that
//! an address past its own rate cannot use up somebody's name.

mod bucket;

use crate::config;
use bucket::{Buckets, Rate};
use plaza_protocol::{Code, Error, UserId};
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Opening a Socket.IO session.
    Connect,
    /// Logging in.
    LogIn,
    /// Registering an account.
    Register,
    /// Coming as a new guest.
    Guest,
    /// Renewing a log-in.
    Refresh,
    /// Ending a log-in.
    LogOut,
    /// Posting to a webhook.
    Webhook,
}

/// Time since some fixed moment; it never goes back.
pub type Now = Arc<dyn Fn() -> Duration + Send + Sync>;

/// The limits of one node.
pub struct Limits {
    settings: config::Limits,
    now: Now,
    tables: Mutex<Tables>,
}

struct Tables {
    addresses: Buckets<(Action, IpAddr)>,
    names: Buckets<(Action, String)>,
    /// Who blocks and hides.
    private: Buckets<UserId>,
    writers: Buckets<UserId>,
}

/// Bytes of a name that are looked at: no name that anybody has is longer.
const MAX_NAME_BYTES: usize = 1024;
/// Characters of a name that are remembered. Names that differ only behind them share their tries.
const MAX_KEY_CHARS: usize = 64;

impl Limits {
    /// With nothing tried yet.
    pub fn new(settings: config::Limits, now: Now) -> Self {
        let remembered = settings.remembered;
        let (addresses, names) = (Buckets::new(remembered), Buckets::new(remembered));
        let (private, writers) = (Buckets::new(remembered), Buckets::new(remembered));
        let tables = Tables { addresses, names, private, writers };
        Self { settings, now, tables: Mutex::new(tables) }
    }

    /// Counts one try by `addr` for the account or guest called `name`.
    ///
    /// # Errors
    /// [`Code::RateLimited`] with the time to wait, and then nothing was counted.
    pub fn check(&self, action: Action, addr: IpAddr, name: Option<&str>) -> Result<(), Error> {
        let addr = addr.to_canonical();
        if self.is_exempt(addr) {
            return Ok(());
        }
        let now = self.micros();
        let (by_address, by_name) = self.rates(action);
        let address = (action, network(addr));
        let name = name.map(|name| (action, name_key(name)));

        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_address = tables.addresses.wait(&address, by_address, now);
        let wait_name = name.as_ref().map_or(0, |name| tables.names.wait(name, by_name, now));
        let wait = wait_address.max(wait_name);
        if wait > 0 {
            return Err(refusal(told(action), wait));
        }
        tables.addresses.take(&address, by_address, now);
        if let Some(name) = name {
            tables.names.take(&name, by_name, now);
        }
        Ok(())
    }

    /// Counts one time that somebody blocks or unblocks others, hides or shows themselves. Wherever they are: to how many
    /// others it is told has nothing to do with that.
    ///
    /// # Errors
    /// [`Code::RateLimited`] with the time to wait, and then nothing was counted.
    pub fn check_privacy(&self, user: &UserId) -> Result<(), Error> {
        let (rate, now) = (person(self.settings.privacy), self.micros());
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut tables.private, user, rate, now, "to block people or to hide")
    }

    /// Counts one message that somebody at `addr` wants to send, or anything else that goes into a room's log: into whichever
    /// room, and on whichever connection.
    ///
    /// # Errors
    /// [`Code::RateLimited`] with the time to wait, and then nothing was counted.
    pub fn check_write(&self, user: &UserId, addr: IpAddr) -> Result<(), Error> {
        if self.is_exempt(addr) {
            return Ok(());
        }
        let (rate, now) = (person(self.settings.write), self.micros());
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut tables.writers, user, rate, now, "to write into rooms")
    }

    fn is_exempt(&self, addr: IpAddr) -> bool {
        self.settings.exempt_loopback && addr.to_canonical().is_loopback()
    }

    fn micros(&self) -> u64 {
        u64::try_from((self.now)().as_micros()).unwrap_or(u64::MAX / 2)
    }

    /// The address's, and the name's where one is given.
    fn rates(&self, action: Action) -> (Rate, Rate) {
        let nameless = |rates: config::AddressRates| {
            let rate = Rate { burst: rates.address_burst, per_minute: rates.address_per_minute };
            (rate, rate)
        };
        let named = |rates: config::Rates| {
            (
                Rate { burst: rates.address_burst, per_minute: rates.address_per_minute },
                Rate { burst: rates.name_burst, per_minute: rates.name_per_minute },
            )
        };
        match action {
            Action::Connect => nameless(self.settings.connect),
            Action::LogIn => named(self.settings.login),
            Action::Register => named(self.settings.register),
            Action::Guest => named(self.settings.guest),
            Action::Refresh => nameless(self.settings.refresh),
            Action::LogOut => nameless(self.settings.logout),
            Action::Webhook => nameless(self.settings.webhook),
        }
    }
}

fn person(rates: config::PersonRates) -> Rate {
    Rate { burst: rates.person_burst, per_minute: rates.person_per_minute }
}

/// Counts one thing that somebody does, of which `what` is told where it is too often.
fn count(people: &mut Buckets<UserId>, user: &UserId, rate: Rate, now: u64, what: &str) -> Result<(), Error> {
    let wait = people.wait(user, rate, now);
    if wait > 0 {
        return Err(refusal(what, wait));
    }
    people.take(user, rate, now);
    Ok(())
}

/// The same for all ways to write one name, or writing it differently would be a way around the limit.
fn name_key(name: &str) -> String {
    let looked_at = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
    plaza_chat::name_key(looked_at.trim()).chars().take(MAX_KEY_CHARS).collect()
}

/// One household: of IPv6 a client has a whole /64 to choose addresses from.
pub(crate) fn network(addr: IpAddr) -> IpAddr {
    match addr {
        IpAddr::V4(_) => addr,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (!0 << 64)).into(),
    }
}

fn told(action: Action) -> &'static str {
    match action {
        Action::Connect => "to connect",
        Action::LogIn => "to sign in",
        Action::Register => "to register",
        Action::Guest => "to come as a guest",
        Action::Refresh => "to stay signed in",
        Action::LogOut => "to sign out",
        Action::Webhook => "to post to a webhook",
    }
}

fn refusal(what: &str, wait_micros: u64) -> Error {
    let wait_ms = wait_micros.div_ceil(1_000);
    let seconds = wait_ms.div_ceil(1_000);
    let message = format!("Too many tries {what}. Try again in {seconds} s.");
    Error::new(Code::RateLimited, message).retry_after_ms(wait_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Limits with a clock in milliseconds that the test sets.
    fn limits(exempt_loopback: bool) -> (Limits, Arc<AtomicU64>) {
        let rates =
            config::Rates { address_burst: 4, address_per_minute: 60, name_burst: 2, name_per_minute: 6 };
        let connect = config::AddressRates { address_burst: 2, address_per_minute: 60 };
        let (login, register, guest) = (rates, rates, rates);
        let (refresh, logout, webhook) = (connect, connect, connect);
        let settings = config::Limits {
            exempt_loopback,
            remembered: 100,
            connect,
            login,
            register,
            guest,
            refresh,
            logout,
            webhook,
            privacy: config::PersonRates { person_burst: 2, person_per_minute: 60 },
            write: config::PersonRates { person_burst: 3, person_per_minute: 60 },
        };
        let clock = Arc::new(AtomicU64::new(0));
        let now = {
            let clock = clock.clone();
            move || Duration::from_millis(clock.load(Ordering::Relaxed))
        };
        (Limits::new(settings, Arc::new(now)), clock)
    }

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_limited_from_wherever_it_is_tried() {
        let (limits, clock) = limits(true);
        limits.check(Action::LogIn, addr("203.0.113.1"), Some("ana")).unwrap();
        limits.check(Action::LogIn, addr("203.0.113.2"), Some(" Ａna ")).unwrap();
        let refused = limits.check(Action::LogIn, addr("203.0.113.3"), Some("ANA")).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (Code::RateLimited, Some(10_000)));
        assert!(refused.retryable && refused.message.contains("10 s"));
        limits.check(Action::LogIn, addr("203.0.113.3"), Some("bo")).unwrap();
        limits.check(Action::Register, addr("203.0.113.3"), Some("ana")).unwrap();
        clock.store(10_000, Ordering::Relaxed);
        limits.check(Action::LogIn, addr("203.0.113.3"), Some("ana")).unwrap();
    }

    #[test]
    fn an_address_is_limited_whatever_name_it_tries_and_spoils_none() {
        let (limits, clock) = limits(true);
        for name in ["a", "b", "c", "d"] {
            limits.check(Action::LogIn, addr("203.0.113.1"), Some(name)).unwrap();
        }
        for _ in 0..10 {
            limits.check(Action::LogIn, addr("203.0.113.1"), Some("victim")).unwrap_err();
        }
        limits.check(Action::LogIn, addr("203.0.113.2"), Some("victim")).unwrap();
        limits.check(Action::LogIn, addr("203.0.113.2"), Some("victim")).unwrap();
        clock.store(1_000, Ordering::Relaxed);
        limits.check(Action::LogIn, addr("203.0.113.1"), Some("e")).unwrap();
    }

    #[test]
    fn connecting_is_limited_by_address_alone() {
        let (limits, clock) = limits(true);
        limits.check(Action::Connect, addr("203.0.113.1"), None).unwrap();
        limits.check(Action::Connect, addr("203.0.113.1"), None).unwrap();
        let refused = limits.check(Action::Connect, addr("203.0.113.1"), None).unwrap_err();
        assert_eq!(refused.retry_after_ms, Some(1_000));
        limits.check(Action::Connect, addr("203.0.113.2"), None).unwrap();
        clock.store(1_000, Ordering::Relaxed);
        limits.check(Action::Connect, addr("203.0.113.1"), None).unwrap();
    }

    #[test]
    fn a_person_is_limited_wherever_they_are_and_nobody_else_with_them() {
        let (limits, clock) = limits(true);
        let (ana, ben): (UserId, UserId) = ("u_ana".parse().unwrap(), "u_ben".parse().unwrap());
        limits.check_privacy(&ana).unwrap();
        limits.check_privacy(&ana).unwrap();
        let refused = limits.check_privacy(&ana).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (Code::RateLimited, Some(1_000)));
        limits.check_privacy(&ben).unwrap();
        clock.store(1_000, Ordering::Relaxed);
        limits.check_privacy(&ana).unwrap();
    }

    #[test]
    fn a_writer_is_limited_at_every_address_but_our_own() {
        let (limits, clock) = limits(true);
        let (ana, ben): (UserId, UserId) = ("u_ana".parse().unwrap(), "u_ben".parse().unwrap());
        for host in 1..=3 {
            limits.check_write(&ana, addr(&format!("203.0.113.{host}"))).unwrap();
            limits.check_write(&ana, addr("127.0.0.1")).unwrap();
        }
        let refused = limits.check_write(&ana, addr("203.0.113.4")).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (Code::RateLimited, Some(1_000)));
        assert!(refused.retryable, "{refused:?}");
        limits.check_write(&ana, addr("::1")).unwrap();
        limits.check_write(&ben, addr("203.0.113.4")).unwrap();
        limits.check_privacy(&ana).expect("what is limited otherwise is counted otherwise");
        clock.store(1_000, Ordering::Relaxed);
        limits.check_write(&ana, addr("203.0.113.4")).unwrap();
    }

    #[test]
    fn addresses_of_one_v6_network_are_one() {
        let (limits, _) = limits(true);
        for host in 1..=4 {
            limits.check(Action::Guest, addr(&format!("2001:db8::{host}")), None).unwrap();
        }
        limits.check(Action::Guest, addr("2001:db8::ffff"), None).unwrap_err();
        limits.check(Action::Guest, addr("2001:db8:0:1::1"), None).unwrap();
    }

    #[test]
    fn loopback_is_exempt_only_where_configured() {
        for (exempt, local) in [(true, "127.0.0.1"), (true, "::ffff:127.0.0.1"), (false, "::1")] {
            let (limits, _) = limits(exempt);
            let tried = (0..20).filter(|_| limits.check(Action::Guest, addr(local), Some("x")).is_ok());
            assert_eq!(tried.count(), if exempt { 20 } else { 2 }, "{local}");
        }
    }
}
