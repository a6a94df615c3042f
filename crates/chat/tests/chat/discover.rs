//! Finding public rooms, and the position of a moment.

use crate::world::*;
use plaza_chat::{MIGRATIONS, Settings};
use plaza_protocol::{
    BanMember, Code, DiscoverRooms, Error, Locate, Position, PublicRoom, RenameRoom, RoomKind, RoomsPage,
    Timestamp, User, UserRef,
};
use std::time::Duration;

async fn page(world: &World, user: &User, query: &str, after: Option<&str>) -> RoomsPage {
    let request = DiscoverRooms { query: Some(query.into()), after: after.map(str::to_owned) };
    world.chat.discover_rooms(&user.id, request).await.unwrap()
}

async fn found(world: &World, user: &User, query: &str) -> Vec<String> {
    let page = page(world, user, query, None).await;
    assert_eq!(page.next, None);
    page.rooms.into_iter().map(|room| room.id.to_string()).collect()
}

#[tokio::test]
async fn public_rooms_are_found_by_name_and_id() {
    let world = World::start().await;
    let (ana, ben) = (world.user("Ana").await, world.user("Ben").await);
    for (name, id) in
        [("Große Halle", "hall"), ("100% true", "truth"), ("snake_case", "code"), ("Ｗide", "w")]
    {
        world.chat.create_room(&ana, create(name, RoomKind::Public, Some(id))).await.unwrap();
    }
    world.chat.create_room(&ana, create("The hall of Ana", RoomKind::Group, None)).await.unwrap();
    assert_eq!(found(&world, &ben, "").await, ["code", "hall", "truth", "w"]);
    for (query, expected) in [
        ("HALL", &["hall"][..]),
        ("grosse", &[]),
        ("GROßE h", &["hall"]),
        ("%", &["truth"]),
        ("_", &["code"]),
        ("\\", &[]),
        ("trut", &["truth"]),
        ("wide", &["w"]),
        (" Ca ", &["code"]),
        ("e\u{301}", &[]),
    ] {
        assert_eq!(found(&world, &ben, query).await, expected, "{query}");
    }
    world.join(&ben, "hall").await;
    let one = page(&world, &ben, "hall", None).await.rooms.remove(0);
    let name = "Große Halle".to_owned();
    assert_eq!(one, PublicRoom { id: id("hall"), name, members: 2, joined: true });

    let renamed = RenameRoom { room_id: id("hall"), name: "Tiny".into() };
    world.chat.rename_room(&ana, renamed).await.unwrap();
    assert_eq!(found(&world, &ben, "tiny").await, ["hall"]);
    assert_eq!(found(&world, &ben, "große").await, Vec::<String>::new());
    // One who is banned finds it, and is told when joining.
    let ban = BanMember { room_id: id("hall"), user: UserRef::Id(ben.id.clone()) };
    world.chat.ban_member(&ana, ban).await.unwrap();
    let one = page(&world, &ben, "tiny", None).await.rooms.remove(0);
    assert_eq!((one.members, one.joined), (1, false));

    let ask = |query: String, after| DiscoverRooms { query: Some(query), after };
    for (query, after) in [("x".repeat(81), None), ("a\nb".into(), None), (String::new(), Some("a b".into()))]
    {
        assert_eq!(code(world.chat.discover_rooms(&ben.id, ask(query, after)).await), Code::BadRequest);
    }
    assert!(world.chat.discover_rooms(&ben.id, ask("ﷺ".repeat(80), None)).await.is_ok());
}

#[tokio::test]
async fn they_come_in_pages_and_a_search_is_bounded() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    let mut tx = world.store.write().await.unwrap();
    for n in 0..6_000 {
        let id = format!("room-{n:04}");
        sqlx::query(
            "INSERT INTO rooms (id, name, kind, seq, created_by, created_at) VALUES ($1, $1, 'public', 0, '', 0)",
        )
        .bind(&id)
        .execute(&mut *tx)
        .await
        .unwrap();
        let insert = sqlx::query("INSERT INTO public_rooms (room_id, folded) VALUES ($1, $1)").bind(&id);
        insert.execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    let walk = async |query: &str| {
        let (mut after, mut pages) = (None, Vec::new());
        loop {
            let page = page(&world, &ana, query, after.as_deref()).await;
            pages.push(page.rooms.iter().map(|room| room.id.to_string()).collect::<Vec<_>>());
            after = page.next;
            if after.is_none() {
                return pages;
            }
        }
    };
    let sizes = |pages: &[Vec<String>]| pages.iter().map(Vec::len).collect::<Vec<_>>();
    let hundred = walk("room-01").await;
    assert_eq!(sizes(&hundred), [50, 50, 0], "and then it is known that there are no more");
    assert!(hundred.concat().is_sorted() && hundred.concat().len() == 100);
    assert_eq!(sizes(&walk("room-599").await), [0, 10], "a page may be empty and not the last");
    assert_eq!(walk("").await.concat().len(), 6_000);
}

#[tokio::test]
async fn rooms_of_before_are_found_too() {
    if on_a_server() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let earlier = open_at(&folder, &MIGRATIONS[..4]).await;
    let mut tx = earlier.write().await.unwrap();
    for statement in [
        "INSERT INTO rooms (id, name, kind, seq, created_by, created_at)
         VALUES ('hall', 'ÜBER', 'public', 0, 'v_a', 0), ('g_1', 'ÜBER', 'group', 0, 'v_a', 0)",
        "INSERT INTO rooms (id, name, kind, seq, created_by, created_at)
         WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
         SELECT 'r' || n, 'r', 'public', 0, 'v_a', 0 FROM numbers",
    ] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    earlier.close().await;
    let (world, _committed) = World::unheard(Settings::default(), folder).await;
    let ana = world.user("Ana").await;
    assert_eq!(found(&world, &ana, "über").await, ["hall"]);
    assert_eq!(found(&world, &ana, "r2500").await, ["r2500"]);
}

#[tokio::test]
async fn a_moment_has_a_position() {
    let world = World::start().await;
    let ana = world.user("Ana").await;
    world.join(&ana, "hall").await;
    let now = || Timestamp::from_millis(plaza_chat::Clock::now(&*world.clock));
    let mut times = vec![now()];
    for n in 0..40 {
        // Several at one time, and then a while of nothing.
        if n % 4 == 0 {
            world.clock.forward(Duration::from_secs(60));
        }
        world.chat.send_message(&ana, message(&id("hall"), &n.to_string(), "hi")).await.unwrap();
        times.push(now());
    }
    let locate = async |at| {
        let asked = world.chat.locate(&ana.id, Locate { room_id: id("hall"), at }).await;
        asked.unwrap().seq
    };
    let first_since =
        |at: Timestamp| 1 + times.iter().filter(|time| time.as_millis() < at.as_millis()).count() as u64;
    for time in &times {
        for shift in [-60_001, -60_000, -1, 0, 1, 59_999] {
            let at = Timestamp::from_millis(time.as_millis() + shift);
            assert_eq!(locate(at).await, first_since(at), "{at:?}");
        }
    }
    assert_eq!(locate(Timestamp::from_millis(i64::MIN)).await, 1);
    assert_eq!(locate(Timestamp::from_millis(i64::MAX)).await, 42, "one past the newest");
    let stranger = world.user("Ben").await;
    let asked = world.chat.locate(&stranger.id, Locate { room_id: id("hall"), at: now() }).await;
    assert_eq!(asked, Err::<Position, _>(Error::no_such_room()));
}
