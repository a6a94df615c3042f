//! The address of a server, which holds a password: it is never printed whole.

use crate::StoreError;
use sqlx::{ConnectOptions as _, any::AnyConnectOptions};
use std::{fmt, fs::File, str::FromStr};

/// Parameters that the driver knows; it would pass over others, and say them in the log.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
];

/// Those of them that name files.
const FILES: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];

/// `postgres://user:password@host:port/database?sslmode=verify-full`. What it shows of itself has neither password nor
/// parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    url: String,
    shown: String,
    secret: bool,
}

impl ServerUrl {
    /// Whether it holds a password.
    pub fn has_password(&self) -> bool {
        self.secret
    }

    pub(super) fn options(&self) -> Result<AnyConnectOptions, StoreError> {
        let mut options = AnyConnectOptions::from_str(&self.url)?.disable_statement_logging();
        let url = &mut options.database_url;
        if !url.query_pairs().any(|(name, _)| name == "application_name") {
            url.query_pairs_mut().append_pair("application_name", "plaza");
        }
        Ok(options)
    }

    /// Whether the files that it names can be read. The driver would say that one cannot, and not which.
    pub(super) fn check_files(&self) -> Result<(), StoreError> {
        let url = AnyConnectOptions::from_str(&self.url)?.database_url;
        for (name, file) in url.query_pairs() {
            if !FILES.contains(&&*name) {
                continue;
            }
            if let Err(why) = File::open(&*file) {
                let reason = format!("{file}, which {name} names, cannot be read: {why}");
                return Err(StoreError::Unfit { place: crate::error::SERVER.to_owned(), reason });
            }
        }
        Ok(())
    }

    /// With the password: for who starts another program with it.
    pub fn expose(&self) -> &str {
        &self.url
    }
}

impl FromStr for ServerUrl {
    type Err = &'static str;

    /// # Errors
    /// What is wrong with it, as the end of a sentence that names it.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("must be a URL that begins with postgres://");
        }
        let options = AnyConnectOptions::from_str(text)
            .map_err(|_| "must be a URL such as postgres://user:password@host:5432/database")?;
        let mut shown = options.database_url;
        let known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
        if !shown.query_pairs().all(|(name, _)| known(&name)) {
            return Err("has a parameter that is not known");
        }
        let secret = shown.password().is_some() || shown.query_pairs().any(|(name, _)| name == "password");
        // Only URLs that can have no password refuse to have none.
        let _ = shown.set_password(None);
        shown.set_query(None);
        shown.set_fragment(None);
        Ok(Self { url: text.to_owned(), shown: shown.to_string(), secret })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_shows_its_password() {
        let url: ServerUrl = "postgres://ana:s3cret@db:5433/plaza?password=s3cret".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), ["postgres://ana@db:5433/plaza"; 2].join(" "));
        assert!(url.expose().contains("s3cret") && url.has_password());
        let open: ServerUrl = "postgres://ana@db/plaza?sslmode=require".parse().unwrap();
        assert!(!open.has_password());
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for text in ["", "plaza.db", "mysql://db/plaza", "postgres://", "postgres://db/plaza?sslmod=require"]
        {
            let refused = text.parse::<ServerUrl>();
            assert!(refused.is_err() || text == "postgres://", "{text}");
        }
    }
}
