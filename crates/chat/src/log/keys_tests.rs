//! Keys against a plain map, through batches that are kept and batches that are lost, restarts and cuts.

use super::*;
use crate::{MIGRATIONS, log::messages, retention};
use plaza_store::{Durability, Store, StoreOptions};
use proptest::prelude::*;

/// As [`HELD`], but few.
const FEW: usize = 24;
/// Most messages in a batch.
const BATCH: usize = 12;

#[derive(Debug, Clone)]
enum Step {
    /// Messages by room, sender and name, and whether the batch is kept.
    Batch(Vec<(u8, u8, u8)>, bool),
    Restart,
    /// A room, up to a position.
    Cut(u8, Seq),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let message = (0..4_u8, 0..3_u8, any::<u8>());
    let batch = (prop::collection::vec(message, 1..=BATCH), prop::bool::weighted(0.9));
    let step = prop_oneof![
        20 => batch.prop_map(|(messages, kept)| Step::Batch(messages, kept)),
        1 => Just(Step::Restart),
        1 => (0..4_u8, 1..40_u64).prop_map(|(room, upto)| Step::Cut(room, upto)),
    ];
    prop::collection::vec(step, 1..60)
}

fn key((room, sender, name): (u8, u8, u8)) -> Key {
    Key::from_parts(&format!("room{room}"), &format!("v_{sender}"), &format!("name {name}"))
}

async fn open(folder: &tempfile::TempDir) -> Store {
    let options = StoreOptions {
        durability: Durability::None,
        ..StoreOptions::new(folder.path().join("keys.db"), [7; 16])
    };
    let store = Store::open(options, MIGRATIONS).await.unwrap();
    let mut tx = store.write().await.unwrap();
    sqlx::query(
        "INSERT INTO rooms (id, name, kind, seq, created_by, created_at)
         VALUES ('room0', '', 'public', 0, 'v_0', 0), ('room1', '', 'public', 0, 'v_0', 0),
            ('room2', '', 'public', 0, 'v_0', 0), ('room3', '', 'public', 0, 'v_0', 0)",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    store
}

async fn insert(tx: &mut AnyConnection, key: &Key, seq: Seq) {
    let [room, sender, client_id] = key.parts();
    sqlx::query(
        "INSERT INTO events (room_id, seq, type, id, sender_id, sender_name, sender_guest, client_id, kind, body, at)
         VALUES ($1, $2, 'message', 'm_' || $2, $3, 'n', 1, $4, 'text', '{\"text\":\"hi\"}', 0)",
    )
    .bind(room)
    .bind(seq as i64)
    .bind(sender)
    .bind(client_id)
    .execute(tx)
    .await
    .unwrap();
}

/// What the store answers with of all keys there can be.
async fn all(tx: &mut AnyConnection, keys: &Keys) -> HashMap<Key, (Seq, bool)> {
    let mut found = HashMap::new();
    for (room, sender) in (0..4).flat_map(|room| (0..3).map(move |sender| (room, sender))) {
        for name in 0..=u8::MAX {
            let key = key((room, sender, name));
            if let Some(stored) = messages::stored(tx, keys, &key).await.unwrap() {
                found.insert(key, (stored.sent.seq, stored.content.is_some()));
            }
        }
    }
    found
}

async fn number(tx: &mut AnyConnection, statement: &'static str) -> i64 {
    sqlx::query(statement).fetch_one(tx).await.unwrap().try_get(0).unwrap()
}

/// Every message that was kept is found under its key, whatever has happened since, and no other one.
async fn holds(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    // Position, and whether its content is still there.
    let mut model: HashMap<Key, (Seq, bool)> = HashMap::new();
    let mut tops = [0; 4];
    let mut kept_from = [1; 4];
    let mut keys = None;
    for step in steps {
        match step {
            Step::Batch(batch, kept) => {
                let mut tx = store.write().await.unwrap();
                let mut held = match keys.take() {
                    Some(keys) => keys,
                    None => Keys::read(&mut tx, FEW).await.unwrap(),
                };
                let (mut after, mut raised) = (model.clone(), tops);
                for message in batch {
                    let key = key(message);
                    let stored = messages::stored(&mut tx, &held, &key).await.unwrap();
                    let stored = stored.map(|stored| (stored.sent.seq, stored.content.is_some()));
                    assert_eq!(stored, after.get(&key).copied(), "{key:?}");
                    if stored.is_none() {
                        let top = &mut raised[usize::from(message.0)];
                        *top += 1;
                        insert(&mut tx, &key, *top).await;
                        held.add(key.clone(), *top);
                        after.insert(key, (*top, true));
                    }
                }
                held.file(&mut tx).await.unwrap();
                if kept {
                    tx.commit().await.unwrap();
                    (model, tops, keys) = (after, raised, Some(held));
                }
            }
            Step::Restart => keys = None,
            Step::Cut(room, upto) => {
                let place = usize::from(room);
                let upto = upto.min(tops[place]);
                if upto >= kept_from[place] {
                    let id = format!("room{room}").parse().unwrap();
                    retention::cut::some(&store, &id, kept_from[place], upto).await.unwrap();
                    kept_from[place] = upto + 1;
                    for (key, (seq, there)) in &mut model {
                        *there &= !key.0.starts_with(&format!("room{room}\0")) || *seq > upto;
                    }
                }
            }
        }
        let mut tx = store.write().await.unwrap();
        let unfiled =
            number(&mut tx, "SELECT COUNT(*) FROM events WHERE n > (SELECT n FROM message_keys_upto)").await;
        assert!(unfiled as usize <= (MOST_READ + 1) * FEW + 2 * BATCH, "{unfiled} are read by a start");
        if let Some(Keys::Held(held)) = &keys {
            assert!(held.newest.len() <= FEW, "{} are held", held.newest.len());
        }
        let of_none =
            "SELECT COUNT(*) FROM message_keys LEFT JOIN events USING (room_id, seq) WHERE events.n IS NULL";
        assert_eq!(number(&mut tx, of_none).await, 0, "keys of messages that were cut");
    }
    let mut tx = store.write().await.unwrap();
    let again = Keys::read(&mut tx, FEW).await.unwrap();
    assert_eq!(all(&mut tx, &again).await, model);
    drop(tx);
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_found_under_its_key(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(holds(steps));
    }
}

#[tokio::test]
async fn what_was_put_in_by_others_goes_into_the_table_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).await;
    let mut tx = store.write().await.unwrap();
    for name in 0..=u8::MAX {
        insert(&mut tx, &key((0, 0, name)), Seq::from(name) + 1).await;
    }
    let keys = Keys::read(&mut tx, FEW).await.unwrap();
    let Keys::Held(held) = &keys else { panic!("an index") };
    assert_eq!(held.newest.len(), 0);
    assert_eq!(number(&mut tx, "SELECT COUNT(*) FROM message_keys").await, 256);
    assert_eq!(all(&mut tx, &keys).await.len(), 256);
    drop(tx);
    store.close().await;
}
