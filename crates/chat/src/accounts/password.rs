//! Passwords: argon2id with OWASP's parameters, away from the async threads and bounded in number, since each
//! hash takes 19 MiB and tens of milliseconds.
//!
//! Parameters: <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>

use crate::{Random, Settings};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use plaza_protocol::{Code, Error, Secret};
use std::{sync::Arc, thread::available_parallelism};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Bounds of a password in bytes.
pub(super) const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 8..=1_024;

/// Whether a new password is within the bounds.
///
/// # Errors
/// `bad_request`.
pub(super) fn acceptable(password: &Secret) -> Result<(), Error> {
    if PASSWORD_BYTES.contains(&password.expose().len()) {
        return Ok(());
    }
    Err(Error::bad_request("A password must have 8 to 1,024 bytes."))
}

/// 19 MiB, in KiB.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// As the PHC string format recommends.
const SALT_BYTES: usize = 16;

/// How long one who was answered `busy` should wait, in milliseconds.
const BUSY_RETRY_MS: u64 = 2_000;

/// Hashes and verifies.
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// One permit for each who runs or waits.
    admitted: Semaphore,
    /// One permit for each who runs.
    running: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new(settings: &Settings) -> Self {
        let running = settings
            .password_hashes
            .map_or_else(|| available_parallelism().map_or(1, usize::from), |count| count as usize);
        // The parameters are constants within the library's bounds; its own defaults are the same ones.
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            admitted: Semaphore::new(running + settings.password_queue as usize),
            running: Arc::new(Semaphore::new(running)),
        }
    }

    /// The text to store for a password, with a salt of its own.
    ///
    /// # Errors
    /// `busy` when too many wait.
    pub(super) async fn hash(&self, password: &str, random: &dyn Random) -> Result<String, Error> {
        self.hash_with(password, random.bytes()).await
    }

    async fn hash_with(&self, password: &str, salt: [u8; SALT_BYTES]) -> Result<String, Error> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        self.run(move || {
            let hash: Result<PasswordHash, _> = argon2.hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| fault(&error))
        })
        .await?
    }

    /// Whether the password is the one that was stored. Without a stored one it takes as long and says no, so
    /// that the time does not tell which names exist.
    ///
    /// # Errors
    /// `busy` when too many wait.
    pub(super) async fn verify(&self, password: &str, stored: Option<String>) -> Result<bool, Error> {
        let Some(stored) = stored else {
            self.hash_with(password, [0; SALT_BYTES]).await?;
            return Ok(false);
        };
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        self.run(move || {
            let hash = PasswordHash::new(&stored).map_err(|error| fault(&error))?;
            Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await?
    }

    /// Leaves room for nobody, for as long as what it gives is held.
    #[cfg(test)]
    pub(super) async fn take_all_places(&self) -> tokio::sync::SemaphorePermit<'_> {
        let all = u32::try_from(self.admitted.available_permits()).unwrap();
        self.admitted.acquire_many(all).await.unwrap()
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let busy = || {
            Error::new(Code::Busy, "Too many people are signing in now. Try again in a moment.")
                .retry_after_ms(BUSY_RETRY_MS)
        };
        let _admitted = self.admitted.try_acquire().map_err(|_| busy())?;
        let permit = self.running.clone().acquire_owned().await.map_err(|_| busy())?;
        // The permit goes with the work: a caller who gives up does not make room for another hash.
        let work = spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        work.await.map_err(|error| fault(&error))
    }
}

fn fault(error: &dyn std::fmt::Display) -> Error {
    tracing::error!(%error, "A password could not be hashed");
    Error::new(Code::Internal, "The password could not be checked. Try again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[tokio::test]
    async fn owasp_parameters_and_round_trip() {
        let passwords = Passwords::new(&Settings::default());
        let stored = passwords.hash("correct horse", &SystemRandom).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, passwords.hash("correct horse", &SystemRandom).await.unwrap(), "salted");
        assert!(passwords.verify("correct horse", Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf", Some(stored)).await.unwrap());
        assert!(!passwords.verify("correct horse", None).await.unwrap());
    }

    #[tokio::test]
    async fn more_than_may_wait_are_told_to_come_later() {
        let settings = Settings { password_hashes: Some(1), password_queue: 1, ..Settings::default() };
        let passwords = Passwords::new(&settings);
        let hash = |password| passwords.hash(password, &SystemRandom);
        let all = tokio::join!(hash("a"), hash("b"), hash("c"));
        assert!(all.0.is_ok() && all.1.is_ok());
        let error = all.2.unwrap_err();
        assert_eq!((error.code, error.retryable), (Code::Busy, true));
    }
}
