//! Making webhooks, changing their keys, and ending them: for who has the data in their hands.

use super::{PREFIX, Root, free_name, since};
use crate::{Administration, failure::Outcome, log, names, random, unavailable};
use plaza_protocol::{Code, Error, RoomId, Secret, Timestamp};
use sqlx::{AnyConnection, Row};
use std::collections::BTreeSet;

/// Most rooms of one webhook.
const MOST_ROOMS: usize = 1_000;
/// Most webhooks that are listed.
const MOST_LISTED: i64 = 1_000;
/// Most keys of one webhook that hold at the same time.
const MOST_KEYS: i64 = 8;

/// A key, to be told once.
#[derive(Debug)]
pub struct NewWebhook {
    /// What it is called.
    pub name: String,
    /// The key.
    pub key: Secret,
    /// Until when the keys before it hold.
    pub others_until: Option<Timestamp>,
}

/// A webhook, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookInfo {
    /// What it is called.
    pub name: String,
    /// Who its messages are of.
    pub id: String,
    /// Where it may write.
    pub rooms: Vec<RoomId>,
    /// How many of its keys hold.
    pub keys: u64,
}

impl Administration {
    /// Makes a webhook that may write into these rooms.
    ///
    /// # Errors
    /// `bad_request` for a name that is not allowed and for no room, `conflict` for a name that is another webhook's or
    /// somebody's, or looks like theirs, `not_found` for a room that is not there or is a direct one.
    pub async fn add_webhook(&self, name: &str, rooms: &[RoomId]) -> Result<NewWebhook, Error> {
        let rooms: BTreeSet<&RoomId> = rooms.iter().collect();
        if rooms.is_empty() || rooms.len() > MOST_ROOMS {
            return Err(Error::bad_request(format!("Give it 1 to {MOST_ROOMS} rooms to write into.")));
        }
        let root = self.webhook_root().await?;
        let (salt, key) = root.make(&*self.random);
        let (now, since) = since(&*self.clock, &self.settings);
        let mut tx = self.store.write().await.map_err(unavailable)?;
        let name = free_name(&mut tx, name, since).await?;
        if by_name(&mut tx, &name).await?.is_some() {
            return Err(Error::new(Code::Conflict, format!("There is a webhook {name} already.")));
        }
        let id = self.random.id(PREFIX);
        sqlx::query("INSERT INTO webhooks (id, name, name_key, created_at) VALUES ($1, $2, $3, $4)")
            .bind(id.as_str())
            .bind(name.as_str())
            .bind(names::key(&name))
            .bind(now)
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        for room in rooms {
            let there = sqlx::query("SELECT 1 FROM rooms WHERE id = $1 AND kind <> 'direct'")
                .bind(room.as_str())
                .fetch_optional(&mut *tx)
                .await
                .map_err(unavailable)?;
            if there.is_none() {
                let sentence = format!("There is no room {room}, or it is one of two people.");
                return Err(Error::new(Code::NotFound, sentence));
            }
            sqlx::query("INSERT INTO webhook_rooms (room_id, webhook_id) VALUES ($1, $2)")
                .bind(room.as_str())
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(unavailable)?;
        }
        keep_key(&mut tx, &id, &key, &salt, now).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(NewWebhook { name, key, others_until: None })
    }

    /// Gives a webhook another key. Those before it hold for `overlap_ms` more, and no longer than they would have.
    ///
    /// # Errors
    /// `not_found` where there is no webhook of this name, `conflict` where eight keys hold.
    pub async fn rotate_webhook(&self, name: &str, overlap_ms: i64) -> Result<NewWebhook, Error> {
        let root = self.webhook_root().await?;
        let (salt, key) = root.make(&*self.random);
        let now = self.clock.now();
        let until = now.saturating_add(overlap_ms);
        let mut tx = self.store.write().await.map_err(unavailable)?;
        let id = by_name(&mut tx, name).await?.ok_or_else(|| no_such(name))?;
        for statement in [
            "DELETE FROM webhook_keys WHERE webhook_id = $1 AND expires_at <= $2",
            "UPDATE webhook_keys SET expires_at = $2 WHERE webhook_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
        ] {
            let at = if statement.starts_with("DELETE") { now } else { until };
            sqlx::query(statement).bind(id.as_str()).bind(at).execute(&mut *tx).await.map_err(unavailable)?;
        }
        let held = sqlx::query("SELECT COUNT(*) FROM webhook_keys WHERE webhook_id = $1 AND expires_at > $2")
            .bind(id.as_str())
            .bind(now)
            .fetch_one(&mut *tx)
            .await
            .map_err(unavailable)?;
        if held.try_get::<i64, _>(0).map_err(unavailable)? >= MOST_KEYS {
            let sentence = format!("{MOST_KEYS} keys of this webhook hold. Wait until one does no more.");
            return Err(Error::new(Code::Conflict, sentence));
        }
        keep_key(&mut tx, &id, &key, &salt, now).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(NewWebhook { name: name.to_owned(), key, others_until: Some(Timestamp::from_millis(until)) })
    }

    /// Ends a webhook and all its keys at once. What it wrote stays.
    ///
    /// # Errors
    /// `not_found` where there is no webhook of this name.
    pub async fn remove_webhook(&self, name: &str) -> Result<(), Error> {
        let mut tx = self.store.write().await.map_err(unavailable)?;
        let id = by_name(&mut tx, name).await?.ok_or_else(|| no_such(name))?;
        for statement in [
            "DELETE FROM webhook_keys WHERE webhook_id = $1",
            "DELETE FROM webhook_rooms WHERE webhook_id = $1",
            "DELETE FROM webhooks WHERE id = $1",
        ] {
            sqlx::query(statement).bind(id.as_str()).execute(&mut *tx).await.map_err(unavailable)?;
        }
        tx.commit().await.map_err(unavailable)
    }

    /// Every webhook, at most 1,000, by id.
    ///
    /// # Errors
    /// `unavailable` or `busy` when the store cannot be read.
    pub async fn list_webhooks(&self) -> Result<Vec<WebhookInfo>, Error> {
        Ok(listed(&mut *self.store.read().await.map_err(unavailable)?, self.clock.now()).await?)
    }

    async fn webhook_root(&self) -> Result<Root, Error> {
        let configured = self.settings.token_secret.as_ref();
        Root::load(&self.store, &*self.random, configured).await.map_err(unavailable)
    }
}

async fn listed(reader: &mut AnyConnection, now: i64) -> Outcome<Vec<WebhookInfo>> {
    let rows = sqlx::query(
        "SELECT id, name, (SELECT COUNT(*) FROM webhook_keys
             WHERE webhook_id = webhooks.id AND (expires_at IS NULL OR expires_at > $2))
         FROM webhooks ORDER BY id LIMIT $1",
    )
    .bind(MOST_LISTED)
    .bind(now)
    .fetch_all(&mut *reader)
    .await?;
    let mut webhooks = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.try_get(0)?;
        let rooms = sqlx::query("SELECT room_id FROM webhook_rooms WHERE webhook_id = $1 ORDER BY room_id")
            .bind(id.as_str())
            .fetch_all(&mut *reader)
            .await?;
        let rooms = rooms.iter().map(|row| log::parsed(row, 0)).collect::<sqlx::Result<_>>()?;
        webhooks.push(WebhookInfo {
            name: row.try_get(1)?,
            id,
            rooms,
            keys: row.try_get::<i64, _>(2)? as u64,
        });
    }
    Ok(webhooks)
}

async fn by_name(tx: &mut AnyConnection, name: &str) -> Result<Option<String>, Error> {
    let found = sqlx::query("SELECT id FROM webhooks WHERE name_key = $1").bind(names::key(name.trim()));
    let row = found.fetch_optional(tx).await.map_err(unavailable)?;
    row.map(|row| row.try_get(0)).transpose().map_err(unavailable)
}

async fn keep_key(tx: &mut AnyConnection, id: &str, key: &Secret, salt: &str, now: i64) -> Result<(), Error> {
    sqlx::query("INSERT INTO webhook_keys (key_hash, webhook_id, salt, created_at) VALUES ($1, $2, $3, $4)")
        .bind(random::hashed(key.expose()))
        .bind(id)
        .bind(salt)
        .bind(now)
        .execute(tx)
        .await
        .map_err(unavailable)?;
    Ok(())
}

fn no_such(name: &str) -> Error {
    match names::webhook_name(name) {
        Ok(name) => Error::new(Code::NotFound, format!("There is no webhook {name}.")),
        Err(_) => Error::new(Code::NotFound, "There is no webhook of this name."),
    }
}
