use super::{
    life::{Life, MOST_STAYS},
    log::{Log, PACKET, ROOM},
};
use crate::{id::SocketId, members::Target, outgoing::Outgoing};
use std::time::Duration;
use tokio::time::Instant;

fn event(text: &str) -> Outgoing {
    Outgoing::event("/", "e", &[text]).unwrap()
}

fn target(rooms: &[&str], except: &[&str]) -> Target {
    let rooms_of = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Target { rooms: rooms_of(rooms), except: rooms_of(except) }
}

fn positions(log: &Log, since: u64) -> Option<Vec<u64>> {
    log.after(since).map(|packets| packets.map(|(at, ..)| at).collect())
}

#[test]
fn a_log_is_cut_by_bytes_and_by_time() {
    let (start, hour) = (Instant::now(), Duration::from_secs(3600));
    let (mut log, cost) = (Log::default(), event("x").cost() + PACKET);
    assert_eq!(positions(&log, 0), Some(vec![]));
    for second in 0..5 {
        log.push(Target::default(), event("x"), start + Duration::from_secs(second));
    }
    assert_eq!((log.top(), positions(&log, 3)), (5, Some(vec![4, 5])));
    assert_eq!(positions(&log, 9), Some(vec![]));
    log.cut(start, hour, 3 * cost);
    assert_eq!((log.top(), log.floor(), positions(&log, 1)), (5, 2, None));
    assert_eq!(positions(&log, 2), Some(vec![3, 4, 5]));
    log.cut(start + hour + Duration::from_secs(4), hour, 3 * cost);
    assert_eq!((log.floor(), positions(&log, 4)), (4, Some(vec![5])));
    // One larger than all that is kept is not kept.
    log.push(Target::default(), event(&"x".repeat(1000)), start + hour);
    log.cut(start + hour, hour, 3 * cost);
    assert_eq!((log.top(), log.floor(), positions(&log, 6)), (6, 6, Some(vec![])));
}

#[test]
fn those_a_packet_was_for_count_too() {
    let (now, hour) = (Instant::now(), Duration::from_secs(3600));
    let (mut log, rooms) = (Log::default(), vec!["a room with a long name"; 100]);
    for target in [target(&rooms, &[]), target(&[], &rooms)] {
        log.push(target, event("x"), now);
    }
    let both = 2 * (event("x").cost() + PACKET + 100 * (rooms[0].len() + ROOM));
    log.cut(now, hour, both);
    assert_eq!(log.floor(), 0);
    log.cut(now, hour, both - 1);
    assert_eq!(log.floor(), 1);
}

#[test]
fn a_packet_is_for_who_was_there() {
    let id = SocketId::from_text("aaaaaaaaaaaaaaaaaaaa").unwrap();
    let mut life = Life::default();
    life.began = 10;
    life.joined(&"red".into(), 20, 0);
    life.left("red", 30);
    life.joined(&"red".into(), 40, 0);
    life.joined(&"red".into(), 45, 0);
    let all = target(&[], &[]);
    assert!(!life.had(id, &all, 10) && life.had(id, &all, 11));
    let had = |target: &Target| (11..50).filter(|at| life.had(id, target, *at)).collect::<Vec<_>>();
    let red: Vec<_> = (21..=30).chain(41..50).collect();
    let not_red: Vec<_> = (11..=20).chain(31..=40).collect();
    assert_eq!(had(&target(&["red"], &[])), red);
    assert_eq!(had(&target(&["blue", "red"], &[])), red);
    assert_eq!(had(&target(&[], &["red"])), not_red);
    assert!(had(&target(&["blue"], &[])).is_empty());
    assert_eq!(had(&target(&[id.as_str()], &["red"])), not_red);
    assert!(had(&target(&["red"], &[id.as_str()])).is_empty());
    assert!(life.is_of(id, &target(&["red"], &["blue"])));
    assert!(!life.is_of(id, &target(&[], &["red"])));
}

#[test]
fn moves_between_which_nothing_was_sent_leave_nothing() {
    let mut life = Life::default();
    life.joined(&"blue".into(), 1, 0);
    for _ in 0..10 * MOST_STAYS {
        life.joined(&"red".into(), 2, 0);
        life.left("red", 2);
    }
    assert_eq!(life.stays(), 1);
    // And what is cut is forgotten before more is kept.
    for at in 0..10 * MOST_STAYS as u64 {
        life.joined(&"red".into(), 2 * at, (2 * at).saturating_sub(10));
        life.left("red", 2 * at + 1);
    }
    assert!(life.stays() <= 16, "{}", life.stays());
}

#[test]
fn one_that_moves_all_the_time_is_followed_only_so_far() {
    let mut life = Life::default();
    for at in 0..2_000 {
        life.joined(&"red".into(), 2 * at, 2 * at);
        life.left("red", 2 * at + 1);
    }
    assert!(!life.is_lost(), "what was cut does not matter");
    for at in 2_000..4_000 {
        life.joined(&"red".into(), 2 * at, 4_000);
        life.left("red", 2 * at + 1);
    }
    assert!(life.is_lost());
}
