//! What is PostgreSQL's alone: how a server is reached and looked at, how transactions begin, its error codes.
//!
//! Several nodes use it at once. What a node may take for granted with a file of its own, that nobody else writes, a
//! transaction gets here from the locks of its [`Subject`]s; see there.

mod layout;
mod url;

pub(crate) use layout::{Layout, MOVING, lay_out, lay_out_for, read};
pub use url::ServerUrl;

use crate::{Durability, StoreError, Subject, error::Trouble};
use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _,
    any::{AnyConnectOptions, AnyPoolOptions},
    pool::PoolConnectionMetadata,
};
use std::{fmt::Write as _, time::Duration};
use tokio::time::timeout;

/// All statements see one moment, and nothing is locked.
pub(crate) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How long one waits for a connection: then the answer is `busy`.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long a transaction, its wait for locks and its commit may take before the connection counts as lost.
pub(crate) const LONGEST: Duration = Duration::from_secs(25);
/// The same by the server's clock, in its words: for a lock, for a statement, between two of a transaction. A node that
/// hangs in a transaction loses it, and its locks with it.
const LOCK_PATIENCE: &str = "5s";
const STATEMENT_PATIENCE: &str = "20s";
/// From when on an idle connection is tried before it is used.
const STALE: Duration = Duration::from_secs(1);
/// How long that may take.
const TRY_PATIENCE: Duration = Duration::from_secs(2);
/// The oldest version, as the server writes it.
const OLDEST: i64 = 150_000;

/// Connections for the two batches, and for all others who write. One at a time of these has or waits for a lock; those
/// that gave up waiting have theirs for as long as the server waits.
pub(crate) const BATCHES: u32 = 2;
pub(crate) const WRITERS: u32 = 2;

/// A server that was looked at.
pub(crate) struct Server {
    options: AnyConnectOptions,
    /// The one connection that has looked; it is closed when the pools are there.
    pub(crate) connection: AnyConnection,
    pub(crate) schema: String,
    durability: Durability,
    commit: &'static str,
}

impl Server {
    /// Connects without a pool, which would try again and again and then say only that it took too long, and refuses
    /// what cannot be used.
    pub(crate) async fn reach(url: &ServerUrl, durability: Durability) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let options = url.options()?;
        url.check_files()?;
        let connecting = timeout(PATIENCE * 2, options.connect()).await;
        let mut connection = connecting.map_err(|_| unreachable("it does not answer"))?.map_err(reaching)?;
        let (schema, commit) = look(&mut connection, durability).await?;
        Ok(Self { options, connection, schema, durability, commit })
    }

    pub(crate) async fn writers(&mut self, count: u32) -> Result<AnyPool, StoreError> {
        let settings = settings(self.durability, self.commit, Role::Writer);
        Ok(pool(settings, count).connect_with(self.options.clone()).await?)
    }

    pub(crate) async fn readers(&mut self, count: u32) -> Result<AnyPool, StoreError> {
        let settings = settings(self.durability, self.commit, Role::Reader);
        Ok(pool(settings, count).connect_with(self.options.clone()).await?)
    }
}

/// What the server says of itself, in one row.
const LOOK: &str = "
    SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
        current_setting('transaction_read_only') = 'on', current_setting('server_encoding'),
        current_schema()::text, current_setting('synchronous_commit'), current_setting('fsync') = 'on',
        current_setting('full_page_writes') = 'on'";

/// The schema that the tables are in, and what commits are to wait for, if the server does not say so by itself.
async fn look(
    connection: &mut AnyConnection,
    durability: Durability,
) -> Result<(String, &'static str), StoreError> {
    let row = sqlx::query(LOOK).fetch_one(&mut *connection).await?;
    let unfit = |reason: String| StoreError::Unfit { place: crate::error::SERVER.to_owned(), reason };
    let (number, version): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
    if number < OLDEST {
        return Err(unfit(format!("it is PostgreSQL {version}, and Plaza needs 15 or later")));
    }
    if row.try_get(2)? {
        return Err(unfit("it takes no writes: it is a standby, or set to read only".to_owned()));
    }
    let encoding: &str = row.try_get(3)?;
    if encoding != "UTF8" {
        return Err(unfit(format!("its encoding is {encoding}, and Plaza needs UTF8")));
    }
    let schema: Option<String> = row.try_get(4)?;
    let schema =
        schema.ok_or_else(|| unfit("the schema that its search_path names does not exist".to_owned()))?;
    if durability == Durability::Full && !(row.try_get::<bool, _>(6)? && row.try_get::<bool, _>(7)?) {
        tracing::warn!(
            "The database server does not see to it that its data survives a power cut: fsync or full_page_writes is off"
        );
    }
    let commit = match (durability, row.try_get::<&str, _>(5)?) {
        (Durability::None, _) => "off",
        (Durability::Full, "off") => {
            tracing::warn!(
                "The database has synchronous_commit off; Plaza's own connections turn it on, since what is acknowledged must be on the disk"
            );
            "on"
        }
        (Durability::Full, _) => "",
    };
    Ok((schema, commit))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Reader,
}

/// What each connection is set to. Plans are made once: to look at the values each time, or to compile, costs more than the
/// statement. And each is made of looks into indexes, of which there is one for whatever is asked: else a plan that was
/// made when a table was small would walk through it when it is large. `commit` is empty where the server's own setting holds.
fn settings(durability: Durability, commit: &str, role: Role) -> String {
    let mut settings = format!(
        "SET plan_cache_mode = force_generic_plan; SET jit = off;
         SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET client_min_messages = error;
         SET statement_timeout = '{STATEMENT_PATIENCE}'; SET lock_timeout = '{LOCK_PATIENCE}';
         SET idle_in_transaction_session_timeout = '{STATEMENT_PATIENCE}';"
    );
    if !commit.is_empty() {
        let _ = write!(settings, "SET synchronous_commit = {commit};");
    }
    if role == Role::Reader {
        settings.push_str("SET default_transaction_read_only = on;");
    }
    if durability == Durability::None {
        settings.push_str("SET synchronous_commit = off;");
    }
    settings
}

fn pool(settings: String, count: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(count)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .idle_timeout(Duration::from_secs(10 * 60))
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            let settings = AssertSqlSafe(settings.clone());
            Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(|_| ()) })
        })
        .before_acquire(|connection, known| Box::pin(may_be_used(connection, known)))
        .after_release(|connection, _| Box::pin(is_clean(connection)))
}

/// Whether an idle connection is still one. One that was used a moment ago is not asked: that would cost each request a
/// round trip.
async fn may_be_used(connection: &mut AnyConnection, known: PoolConnectionMetadata) -> sqlx::Result<bool> {
    if known.idle_for < STALE { Ok(true) } else { answers(connection).await }
}

/// Whether the server answers. One that has vanished without a word would be waited for as long as TCP does.
async fn answers(connection: &mut AnyConnection) -> sqlx::Result<bool> {
    Ok(matches!(timeout(TRY_PATIENCE, connection.ping()).await, Ok(Ok(()))))
}

/// Whether a connection that comes back may be used again. Who was gone before a transaction had begun, such as one who
/// waited for a lock, leaves one behind that the driver knows nothing of, with its locks and what it sees: such a
/// connection is closed. (A ROLLBACK where there is nothing to roll back would be a warning in the server's log, each time.)
async fn is_clean(connection: &mut AnyConnection) -> sqlx::Result<bool> {
    // A transaction began before its latest statement; a statement by itself is one. Not where it is prepared: then it
    // takes several messages, and the clock is read for each.
    let alone = async {
        let row = sqlx::raw_sql("SELECT now() = statement_timestamp()").fetch_one(connection).await?;
        row.try_get::<bool, _>(0)
    };
    Ok(matches!(timeout(STALE + PATIENCE * 2, alone).await, Ok(Ok(true))))
}

/// Begins a transaction that writes and takes the locks of these subjects, in one round trip.
pub(crate) fn begin_write(schema: &str, subjects: &[Subject]) -> String {
    let mut keys: Vec<i64> = subjects.iter().map(|subject| subject.within(schema)).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut statement = String::from("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    if !keys.is_empty() {
        // Numbers alone, so that nothing has to be escaped; they are locked in the order of the list.
        let keys: Vec<_> = keys.iter().map(i64::to_string).collect();
        let keys = keys.join(",");
        let _ = write!(
            statement,
            "; SELECT pg_advisory_xact_lock(key) FROM unnest('{{{keys}}}'::bigint[]) AS key"
        );
    }
    statement
}

/// How rustls begins to say it.
const NOT_TRUSTED: &str = "invalid peer certificate";

/// How reaching a server fails.
fn reaching(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) if !error.code().is_some_and(|code| is_away(&code)) => {
            StoreError::Unfit { place: crate::error::SERVER.to_owned(), reason: error.message().to_owned() }
        }
        sqlx::Error::Configuration(error) => {
            StoreError::Unfit { place: crate::error::SERVER.to_owned(), reason: error.to_string() }
        }
        sqlx::Error::Io(error) if error.to_string().starts_with(NOT_TRUSTED) => {
            let reason = format!("its certificate is not to be trusted ({error})");
            StoreError::Unfit { place: crate::error::SERVER.to_owned(), reason }
        }
        other => unreachable(&other.to_string()),
    }
}

fn unreachable(reason: &str) -> StoreError {
    StoreError::Unreachable { place: crate::error::SERVER.to_owned(), reason: reason.to_owned() }
}

/// Whether an error means that the server is not there: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
fn is_away(code: &str) -> bool {
    // Connections that break, too many of them, a server that stops or starts, a connection that was ended.
    code.starts_with("08") || matches!(code, "53300" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
}

/// What an error code means.
pub(crate) fn trouble(code: &str) -> Option<Trouble> {
    match code {
        _ if is_away(code) => Some(Trouble::Unreachable),
        // Waited too long for a lock or altogether, met others in a circle, was overtaken, or found no room for locks.
        "55P03" | "57014" | "40P01" | "40001" | "53200" => Some(Trouble::Contended),
        "53100" => Some(Trouble::Full),
        // A standby, or no right to.
        "25006" | "42501" => Some(Trouble::Unwritable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_in_one_order_and_once() {
        let [one, two] = [Subject::of("room", "one"), Subject::of("room", "two")];
        let begin = begin_write("public", &[one, two, one]);
        assert_eq!(begin, begin_write("public", &[two, one]));
        assert_eq!(begin.matches(',').count(), 1, "{begin}");
        assert_ne!(begin, begin_write("other", &[one, two]));
        assert!(!begin_write("public", &[]).contains("lock"));
    }
}
