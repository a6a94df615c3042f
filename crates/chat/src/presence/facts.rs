//! What the store says of people who are asked about.

use crate::{
    Chat,
    failure::Outcome,
    log::parsed,
    names, unavailable,
    words::{self, words},
};
use plaza_protocol::{Error, Timestamp, User, UserId, UserRef};
use sqlx::{AnyConnection, Row, any::AnyRow};
use std::collections::{BTreeMap, HashSet};

/// Somebody who was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) user: User,
    /// Whether they let themselves be seen.
    pub(super) visible: bool,
    pub(super) last_seen: Option<Timestamp>,
    /// Whether they have blocked the one who asks.
    pub(super) blocked: bool,
    /// The other nodes with which they are online.
    pub(super) nodes: HashSet<String>,
}

/// People as a request names them, each with its place there.
#[derive(Default)]
pub(super) struct Whom<'a> {
    ids: Vec<(usize, &'a str)>,
    keys: Vec<(usize, String)>,
}

impl<'a> Whom<'a> {
    /// Those of them that could be somebody.
    pub(super) fn new(whom: &'a [UserRef]) -> Self {
        let mut all = Self::default();
        for (place, whom) in whom.iter().enumerate() {
            match whom {
                UserRef::Id(id) => all.ids.extend(could_be_ours(id).then(|| (place, id.as_str()))),
                UserRef::Name(name) => {
                    all.keys.extend(names::user_name(name).ok().map(|name| (place, names::key(&name))));
                }
            }
        }
        all
    }
}

/// Ids that we made have none of the characters that databases disagree about.
fn could_be_ours(id: &UserId) -> bool {
    id.as_str().bytes().all(|byte| byte.is_ascii_graphic())
}

impl Chat {
    /// These people in the order in which they were named, each once, and nobody who is none.
    pub(super) async fn facts(&self, asker: &UserId, whom: &Whom<'_>) -> Result<Vec<Facts>, Error> {
        let mut reader = self.inner.store.read().await.map_err(unavailable)?;
        let mut facts = read(&mut reader, asker, whom).await?;
        drop(reader);
        if self.inner.courier.is_some() {
            let people: Vec<_> = facts.iter().map(|facts| facts.user.id.clone()).collect();
            let mut nodes = self.online_elsewhere(&people).await?;
            for facts in &mut facts {
                facts.nodes = nodes.remove(&facts.user.id).unwrap_or_default();
            }
        }
        Ok(facts)
    }

    /// The ids of these people; of one who is named by an id that id, whether there is such a person or not.
    pub(super) async fn ids_of(&self, asker: &UserId, whom: &[UserRef]) -> Result<Vec<UserId>, Error> {
        let by_id = |whom: &UserRef| match whom {
            UserRef::Id(id) => Some(id.clone()),
            UserRef::Name(_) => None,
        };
        let mut ids: Vec<_> = whom.iter().filter_map(by_id).collect();
        let named = Whom { ids: Vec::new(), ..Whom::new(whom) };
        if !named.keys.is_empty() {
            ids.extend(self.facts(asker, &named).await?.into_iter().map(|facts| facts.user.id));
        }
        Ok(ids)
    }

    /// Stores whether somebody lets themselves be seen.
    pub(super) async fn set_visible(&self, user: &UserId, visible: bool) -> Result<(), Error> {
        let mut tx = self.writer().await?;
        sqlx::query("UPDATE users SET hidden = $2 WHERE id = $1 AND hidden <> $2")
            .bind(user.as_str())
            .bind(i64::from(!visible))
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)
    }
}

async fn read(connection: &mut AnyConnection, asker: &UserId, whom: &Whom<'_>) -> Outcome<Vec<Facts>> {
    let mut found = BTreeMap::new();
    let ids = (!whom.ids.is_empty()).then(|| words::rows(&whom.ids)).transpose()?;
    let keys = (!whom.keys.is_empty()).then(|| words::rows(&whom.keys)).transpose()?;
    let words = words(connection);
    for (statement, wanted) in [(words.presence_by_id, ids), (words.presence_by_key, keys)] {
        let Some(wanted) = wanted else { continue };
        let rows = sqlx::query(statement).bind(wanted).bind(asker.as_str()).fetch_all(&mut *connection);
        for row in rows.await? {
            found.insert(row.try_get::<i64, _>(0)?, facts(&row)?);
        }
    }
    let mut seen = HashSet::new();
    Ok(found.into_values().filter(|facts| seen.insert(facts.user.id.clone())).collect())
}

fn facts(row: &AnyRow) -> sqlx::Result<Facts> {
    let truth = |at: usize| Ok::<_, sqlx::Error>(row.try_get::<i64, _>(at)? != 0);
    Ok(Facts {
        user: User { id: parsed(row, 1)?, name: row.try_get(2)?, guest: truth(3)? },
        visible: !truth(4)?,
        last_seen: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_millis),
        blocked: truth(6)?,
        nodes: HashSet::new(),
    })
}
