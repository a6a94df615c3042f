use super::*;
use crate::engine::frame::Frame;
use futures_util::task::noop_waker;

fn outbox(limit: usize) -> Outbox {
    Outbox::new(limit, &Arc::new(Budget::new(usize::MAX)))
}

fn take(outbox: &Outbox) -> Queue {
    let mut frames = Queue::default();
    let _ = outbox.poll_take(&mut frames, &mut Context::from_waker(&noop_waker()));
    frames
}

/// What a frame of so many bytes counts for.
fn cost(bytes: usize) -> usize {
    Frame::binary(&vec![0; bytes]).cost()
}

#[test]
fn past_the_bound_the_consumer_is_slow() {
    let outbox = outbox(2 * cost(48));
    let message = Outgoing::from(Frame::binary(&[0; 48]));
    assert!(outbox.push(&message).is_ok());
    assert!(outbox.push(&message).is_ok());
    assert_eq!(outbox.push(&message), Err(Closed));
    assert_eq!(outbox.closing(), Some(CloseReason::SlowConsumer));
    assert!(take(&outbox).is_empty());
}

#[test]
fn one_that_takes_has_headroom_and_one_that_stalls_has_none() {
    let message = Outgoing::from(Frame::binary(&[0; 48]));
    let taking = outbox(2 * cost(48));
    take(&taking);
    for _ in 0..2 * HEADROOM {
        assert!(taking.push(&message).is_ok());
    }
    assert_eq!(taking.push(&message), Err(Closed));

    let stalling = outbox(2 * cost(48));
    take(&stalling);
    for _ in 0..3 {
        assert!(stalling.push(&message).is_ok());
    }
    stalling.stalls();
    assert_eq!(stalling.push(&message), Err(Closed));
}

/// Whether it came in one piece or in many, and as often as it has been taken.
#[test]
fn where_much_waits_the_flusher_is_to_hurry_once() {
    let outbox = outbox(100 * MUCH);
    outbox.begin_websocket();
    let (little, much) =
        (Outgoing::from(Frame::binary(b"hi")), Outgoing::from(Frame::binary(&vec![7; MUCH])));
    for _ in 0..2 {
        outbox.take(&mut Queue::default());
        let told = [&little, &little, &much, &much, &little].map(|message| outbox.push(message).unwrap());
        assert_eq!(told, [Tell::Write, Tell::Nothing, Tell::Hurry, Tell::Nothing, Tell::Nothing]);
        outbox.take(&mut Queue::default());
        outbox.written(usize::MAX);
        assert_eq!(outbox.push(&much), Ok(Tell::Hurry));
        assert_eq!(outbox.push(&much), Ok(Tell::Nothing));
        outbox.written(usize::MAX);
    }
}

#[test]
fn small_frames_count_for_the_memory_they_take() {
    let outbox = outbox(100 * cost(0));
    let message = Outgoing::from(Frame::pong(&[]));
    let taken = (0..1_000).take_while(|_| outbox.push(&message).is_ok()).count();
    assert_eq!(taken, 100);
}

#[test]
fn bytes_in_the_writers_hands_count_until_written() {
    let outbox = outbox(2 * cost(48));
    let message = Outgoing::from(Frame::binary(&[0; 48]));
    outbox.push(&message).unwrap();
    outbox.push(&message).unwrap();
    assert_eq!(take(&outbox).len(), 2);
    assert_eq!(outbox.free(), 0);
    outbox.written(2 * cost(48));
    assert!(outbox.push(&message).is_ok());
    assert_eq!(outbox.free(), cost(48));
}

#[test]
fn receivers_share_the_bytes_of_one_message() {
    let (one, other) = (outbox(10_000), outbox(10_000));
    let message = Outgoing { first: Frame::text(0, |_| {}), rest: vec![Frame::binary(&[7; 1_000]); 2] };
    one.push(&message).unwrap();
    other.push(&message).unwrap();
    let addresses = |outbox: &Outbox| take(outbox).into_iter().map(|f| f.wire().as_ptr()).collect::<Vec<_>>();
    let expected: Vec<_> =
        [&message.first, &message.rest[0], &message.rest[1]].map(|f| f.wire().as_ptr()).into();
    assert_eq!((addresses(&one), addresses(&other)), (expected.clone(), expected));
}

#[test]
fn one_large_message_passes_an_empty_outbox() {
    let outbox = outbox(10);
    assert!(outbox.push(&Frame::binary(&[0; 50]).into()).is_ok());
    assert_eq!(outbox.push(&Frame::binary(&[0; 1]).into()), Err(Closed));
}

#[test]
fn the_first_reason_stays_and_what_was_queued_is_kept() {
    let outbox = outbox(1_000);
    outbox.push(&Frame::binary(&[1]).into()).unwrap();
    outbox.close(CloseReason::PingTimeout);
    outbox.close(CloseReason::TransportClose);
    assert_eq!(outbox.closing(), Some(CloseReason::PingTimeout));
    assert_eq!(take(&outbox).len(), 1);
    assert_eq!(outbox.push(&Frame::binary(&[1]).into()), Err(Closed));
}

#[test]
fn all_outboxes_are_counted_together_and_what_is_gone_is_given_back() {
    let budget = Arc::new(Budget::new(3 * cost(48)));
    let (one, other) = (Outbox::new(10_000, &budget), Outbox::new(2 * cost(48), &budget));
    let message = Outgoing::from(Frame::binary(&[0; 48]));
    one.push(&message).unwrap();
    one.push(&message).unwrap();
    other.push(&message).unwrap();
    assert_eq!((budget.bytes(), budget.is_exceeded()), (3 * cost(48), false));
    other.push(&message).unwrap();
    assert!(budget.is_exceeded());
    // A slow consumer's are given up at once.
    assert_eq!(other.push(&message), Err(Closed));
    assert_eq!(budget.bytes(), 2 * cost(48));
    // Written, in the hands of a transport that is gone, and left when all is over.
    one.push(&message).unwrap();
    take(&one);
    one.written(cost(48));
    assert_eq!(budget.bytes(), 2 * cost(48));
    one.clear();
    assert_eq!(budget.bytes(), 0);
    one.written(cost(48));
    assert_eq!((budget.bytes(), one.free()), (0, 10_000));
    one.push(&message).unwrap();
    drop(one);
    assert_eq!(budget.bytes(), 0);
}
