//! The table of accounts and guests, and how a request's `user` is found in it.

use crate::{failure::Outcome, log::parsed, names};
use plaza_protocol::{Code, Error, User, UserId, UserRef};
use sqlx::{AnyConnection, Row, any::AnyRow};

/// One row of it.
pub(super) struct Person {
    pub(super) user: User,
    pub(super) password_hash: Option<String>,
    pub(super) seen_at: i64,
    /// False for a guest whose name is free again.
    pub(super) named: bool,
}

impl Person {
    /// An account, or a guest that was seen after `since`.
    fn is_live(&self, since: i64) -> bool {
        !self.user.guest || self.seen_at > since
    }
}

const BY_ID: &str = "SELECT id, name, guest, seen_at, password_hash, name_key FROM users WHERE id = $1";
const BY_KEY: &str =
    "SELECT id, name, guest, seen_at, password_hash, name_key FROM users WHERE name_key = $1";
const BY_TOKEN: &str =
    "SELECT id, name, guest, seen_at, password_hash, name_key FROM users WHERE token_hash = $1";

pub(super) const HOLDERS: &str = "
    SELECT id, name, guest, seen_at, password_hash, name_key FROM users WHERE name_key = $1
    UNION SELECT id, name, guest, seen_at, password_hash, name_key FROM users
    WHERE look_version = $2 AND look = $3 AND name_key IS NOT NULL";

/// The user a request means: an account, or a guest that was seen after `since`.
pub(crate) async fn live(tx: &mut AnyConnection, whom: &UserRef, since: i64) -> Outcome<Option<User>> {
    let found = find(tx, whom).await?.filter(|person| person.named);
    Ok(found.filter(|person| person.is_live(since)).map(|person| person.user))
}

/// The user a request means, also a guest that has expired.
pub(crate) async fn any(tx: &mut AnyConnection, whom: &UserRef) -> Outcome<Option<User>> {
    Ok(find(tx, whom).await?.map(|person| person.user))
}

/// The answer where there is none.
pub(crate) fn no_such_user(whom: &UserRef) -> Error {
    let sentence = match whom {
        // An id or name comes from the asker; it is said back only where it could have been one.
        UserRef::Name(name) => match names::user_name(name) {
            Ok(name) => format!("There is no user @{name}."),
            Err(_) => "There is no user with that name.".to_owned(),
        },
        UserRef::Id(_) => "There is no user with that id.".to_owned(),
    };
    Error::new(Code::NotFound, sentence)
}

/// The answer where there is no account of that name; a guest may have it.
pub(super) fn no_such_account(whom: &UserRef) -> Error {
    match whom {
        UserRef::Name(name) if names::user_name(name).is_ok() => {
            Error::new(Code::NotFound, format!("There is no account @{}.", name.trim()))
        }
        _ => Error::new(Code::NotFound, "There is no account of that name."),
    }
}

async fn find(tx: &mut AnyConnection, whom: &UserRef) -> Outcome<Option<Person>> {
    match whom {
        UserRef::Id(id) => by_id(tx, id).await,
        UserRef::Name(name) => match names::user_name(name) {
            Ok(name) => by_name(tx, &name).await,
            Err(_) => Ok(None),
        },
    }
}

pub(super) async fn by_id(connection: &mut AnyConnection, id: &UserId) -> Outcome<Option<Person>> {
    // Ids that we made have none of the characters that databases disagree about.
    if !id.as_str().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(None);
    }
    one(connection, BY_ID, id.as_str()).await
}

pub(super) async fn by_name(connection: &mut AnyConnection, name: &str) -> Outcome<Option<Person>> {
    one(connection, BY_KEY, &names::key(name)).await
}

pub(super) async fn by_token(connection: &mut AnyConnection, hash: &str) -> Outcome<Option<Person>> {
    one(connection, BY_TOKEN, hash).await
}

async fn one(
    connection: &mut AnyConnection,
    statement: &'static str,
    value: &str,
) -> Outcome<Option<Person>> {
    let row = sqlx::query(statement).bind(value).fetch_optional(connection).await?;
    Ok(row.as_ref().map(person).transpose()?)
}

fn person(row: &AnyRow) -> sqlx::Result<Person> {
    let user = User { id: parsed(row, 0)?, name: row.try_get(1)?, guest: row.try_get::<i64, _>(2)? != 0 };
    Ok(Person {
        user,
        seen_at: row.try_get(3)?,
        password_hash: row.try_get(4)?,
        named: row.try_get::<Option<String>, _>(5)?.is_some(),
    })
}

/// What a new person may prove themselves with.
pub(super) enum Proof<'a> {
    /// The password's hash.
    Password(&'a str),
    /// The guest token's hash.
    Token(&'a str),
}

/// Adds one. The caller has seen that the name is free, by [`claim`].
pub(super) async fn add(tx: &mut AnyConnection, user: &User, proof: Proof<'_>, now: i64) -> Outcome<()> {
    let (password, token) = match proof {
        Proof::Password(hash) => (Some(hash), None),
        Proof::Token(hash) => (None, Some(hash)),
    };
    sqlx::query(
        "INSERT INTO users
            (id, name, name_key, guest, password_hash, token_hash, created_at, seen_at, look, look_version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)",
    )
    .bind(user.id.as_str())
    .bind(user.name.as_str())
    .bind(names::key(&user.name))
    .bind(i64::from(user.guest))
    .bind(password)
    .bind(token)
    .bind(now)
    .bind(names::look(&user.name))
    .bind(names::look_version())
    .execute(tx)
    .await?;
    Ok(())
}

/// What became of asking for a name.
pub(super) enum Claim {
    /// Somebody has it, or one that looks like it.
    Taken,
    /// Nobody has it, any more: expired guests who had it, or one like it, are to be told once this is committed.
    Free { from: Vec<UserId> },
}

/// Who has this name, or one that looks the same. The looks of all who are in the table are known, see `looks`.
async fn holders(connection: &mut AnyConnection, name: &str) -> Outcome<Vec<Person>> {
    let rows = sqlx::query(HOLDERS)
        .bind(names::key(name))
        .bind(names::look_version())
        .bind(names::look(name))
        .fetch_all(connection)
        .await?;
    Ok(rows.iter().map(person).collect::<sqlx::Result<_>>()?)
}

/// Whether an account or a live guest has this name, or one that looks the same.
pub(crate) async fn is_taken(connection: &mut AnyConnection, name: &str, since: i64) -> Outcome<bool> {
    Ok(holders(connection, name).await?.iter().any(|holder| holder.is_live(since)))
}

/// Asks for a name. Expired guests who have it lose it, and their tokens with it.
pub(super) async fn claim(tx: &mut AnyConnection, name: &str, since: i64) -> Outcome<Claim> {
    let holders = holders(tx, name).await?;
    if holders.iter().any(|holder| holder.is_live(since)) {
        return Ok(Claim::Taken);
    }
    let from: Vec<UserId> = holders.into_iter().map(|holder| holder.user.id).collect();
    for guest in &from {
        forget(tx, guest).await?;
    }
    Ok(Claim::Free { from })
}

/// Ends a guest: the name is free again and the token holds no more.
pub(super) async fn forget(tx: &mut AnyConnection, guest: &UserId) -> Outcome<()> {
    sqlx::query(
        "UPDATE users SET name_key = NULL, look = NULL, token_hash = NULL WHERE id = $1 AND guest = 1",
    )
    .bind(guest.as_str())
    .execute(tx)
    .await?;
    Ok(())
}
