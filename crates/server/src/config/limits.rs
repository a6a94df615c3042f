//! How often one address, and one name, may try to come in.

use super::{ConfigError, within};
use serde::Deserialize;

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Whether clients on this machine are free of these limits.
    pub exempt_loopback: bool,
    /// Addresses, and names, remembered at once; past it the one not seen for longest is forgotten.
    pub remembered: usize,
    /// Opening a Socket.IO session.
    pub connect: AddressRates,
    /// Logging in.
    pub login: Rates,
    /// Registering.
    pub register: Rates,
    /// Coming as a guest.
    pub guest: Rates,
    /// Renewing a log-in.
    pub refresh: AddressRates,
    /// Ending a log-in.
    pub logout: AddressRates,
    /// Posting to a webhook.
    pub webhook: AddressRates,
    /// Blocking people and hiding.
    pub privacy: PersonRates,
    /// Sending messages, and whatever else goes into a room's log.
    pub write: PersonRates,
}

/// The two rates of one action: each try must be within both.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Tries of one address in a row.
    pub address_burst: u32,
    /// Tries of one address that come back a minute.
    pub address_per_minute: u32,
    /// Tries for one name in a row.
    pub name_burst: u32,
    /// Tries for one name that come back a minute.
    pub name_per_minute: u32,
}

/// The rate of an action in which no name is given.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRates {
    /// Tries of one address in a row.
    pub address_burst: u32,
    /// Tries of one address that come back a minute.
    pub address_per_minute: u32,
}

/// The rate of an action of somebody who is known.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonRates {
    /// Tries of one person in a row.
    pub person_burst: u32,
    /// Tries of one person that come back a minute.
    pub person_per_minute: u32,
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("limits.remembered", self.remembered as u64, 1, 10_000_000)?;
        for (action, rates) in [
            ("connect", self.connect),
            ("refresh", self.refresh),
            ("logout", self.logout),
            ("webhook", self.webhook),
        ] {
            for (key, value) in
                [("address_burst", rates.address_burst), ("address_per_minute", rates.address_per_minute)]
            {
                within(&format!("limits.{action}.{key}"), value.into(), 1, 1_000_000)?;
            }
        }
        for (action, rates) in [("login", self.login), ("register", self.register), ("guest", self.guest)] {
            for (key, value) in [
                ("address_burst", rates.address_burst),
                ("address_per_minute", rates.address_per_minute),
                ("name_burst", rates.name_burst),
                ("name_per_minute", rates.name_per_minute),
            ] {
                within(&format!("limits.{action}.{key}"), value.into(), 1, 1_000_000)?;
            }
        }
        for (action, rates) in [("privacy", self.privacy), ("write", self.write)] {
            let PersonRates { person_burst, person_per_minute } = rates;
            within(&format!("limits.{action}.person_burst"), person_burst.into(), 1, 1_000_000)?;
            within(&format!("limits.{action}.person_per_minute"), person_per_minute.into(), 1, 1_000_000)?;
        }
        Ok(())
    }
}
