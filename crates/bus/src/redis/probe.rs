//! What a server is, and what it can do.

use redis::{RedisResult, Value, aio::MultiplexedConnection, cmd};
use std::fmt;

use super::verbs::Verbs;

/// A channel to which nobody subscribes.
const NOBODYS: &str = "plaza#nobody";

/// What a server said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Redis, Valkey, Dragonfly.
    pub(crate) product: String,
    /// Its version, if it says one.
    pub(crate) version: String,
    /// Whether it knows `SSUBSCRIBE`; unknown where it does not say.
    pub(crate) sharded: Option<bool>,
    /// Whether it is part of a cluster; unknown where it does not say.
    pub(crate) cluster: Option<bool>,
    /// Whether it tells how many subscribe to a channel; unknown where we may not ask.
    pub(crate) counts: Option<bool>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product, self.version)?;
        if self.cluster == Some(true) {
            f.write_str(", part of a cluster")?;
        }
        if self.counts == Some(false) {
            f.write_str(", which does not count who subscribes")?;
        }
        Ok(())
    }
}

/// Asks a server what it is. What it may not say is left unknown; only a connection that fails is an error.
pub(crate) async fn found(mut connection: MultiplexedConnection, verbs: &Verbs) -> RedisResult<Found> {
    let info = ask(&mut connection, &["INFO"]).await?;
    let info = match &info {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => text.clone(),
        _ => String::new(),
    };
    let described = ask(&mut connection, &["COMMAND", "INFO", "SSUBSCRIBE"]).await?;
    let known = match described {
        Value::Array(commands) => commands.first().map(|first| !matches!(first, Value::Nil)),
        _ => None,
    };
    let counts = counts(&mut connection, verbs).await?;
    Ok(Found { counts, ..read(&info, known) })
}

/// Whether it tells how many subscribe. What we may not ask is the operator's to allow, and not the server's to refuse.
async fn counts(connection: &mut MultiplexedConnection, verbs: &Verbs) -> RedisResult<Option<bool>> {
    let mut question = cmd("PUBSUB");
    question.arg(verbs.count).arg(NOBODYS);
    Ok(match connection.send_packed_command(&question).await? {
        Value::ServerError(error) if error.code() == "NOPERM" => None,
        Value::ServerError(_) => Some(false),
        _ => Some(true),
    })
}

/// Sends a command; what the server refuses to say is `Nil`.
async fn ask(connection: &mut MultiplexedConnection, words: &[&str]) -> RedisResult<Value> {
    let (name, arguments) = words.split_first().unwrap_or((&"PING", &[]));
    let mut command = cmd(name);
    for argument in arguments {
        command.arg(*argument);
    }
    match connection.send_packed_command(&command).await? {
        Value::ServerError(error) if error.code() == "NOAUTH" => Err(error.into()),
        Value::ServerError(_) => Ok(Value::Nil),
        value => Ok(value),
    }
}

/// Reads the text of `INFO`. Valkey and Dragonfly also name the Redis that they resemble, so theirs is looked for first.
fn read(info: &str, sharded: Option<bool>) -> Found {
    let field =
        |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let named = [
        ("Dragonfly", field("dragonfly_version")),
        ("Valkey", field("valkey_version")),
        ("Redis", field("redis_version")),
    ];
    let (product, version) = named
        .into_iter()
        .find_map(|(product, version)| Some((product, version?)))
        .unwrap_or(("a server that does not name itself,", "version unknown"));
    let cluster = match (field("cluster_enabled"), field("redis_mode")) {
        (Some(enabled), _) => Some(enabled == "1"),
        (None, Some(mode)) => Some(mode == "cluster"),
        (None, None) => None,
    };
    let version = version.trim_start_matches("df-").trim_start_matches('v').to_owned();
    // Where commands are not described, the version tells: Redis has it since 7.0.
    let of_version = || {
        let major: u32 = version.split('.').next()?.parse().ok()?;
        match product {
            "Redis" => Some(major >= 7),
            "Valkey" => Some(true),
            _ => None,
        }
    };
    let sharded = sharded.or_else(of_version);
    Found { product: product.to_owned(), version, sharded, cluster, counts: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_is_told_by_what_it_says() {
        let redis = read("# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n", None);
        assert_eq!(redis.to_string(), "Redis 7.0.15");
        assert_eq!((redis.sharded, redis.cluster), (Some(true), Some(false)));
        let old = read("redis_version:6.2.14\r\nredis_mode:cluster\r\n", None);
        assert_eq!(old.to_string(), "Redis 6.2.14, part of a cluster");
        assert_eq!(old.sharded, Some(false));
        let valkey =
            "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\ncluster_enabled:0\r\n";
        assert_eq!(read(valkey, Some(true)).to_string(), "Valkey 8.0.1");
        let dragonfly = "redis_version:7.4.0\r\ndragonfly_version:df-v1.27.1\r\nredis_mode:standalone\r\n";
        assert_eq!(read(dragonfly, Some(true)).to_string(), "Dragonfly 1.27.1");
        let mute = read("", None);
        assert_eq!((mute.sharded, mute.cluster), (None, None));
        assert!(mute.to_string().contains("does not name itself"));
    }
}
