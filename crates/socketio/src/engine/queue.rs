//! Frames that wait to be written, in their order.

use super::frame::Frame;
use std::{
    collections::{VecDeque, vec_deque},
    iter::Chain,
    option,
};

/// One that grew past this many frames gives its memory back once it is empty.
const KEEP_FRAMES: usize = 16;

/// Most who are written to have one frame waiting: that one lies here, and not in memory of its own, which for each of many
/// clients would have to be fetched into the processor's cache.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    first: Option<Frame>,
    /// Empty where there is no first.
    rest: VecDeque<Frame>,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(crate) fn first(&self) -> Option<&Frame> {
        self.first.as_ref()
    }

    /// What all of it counts for in an outbox, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.into_iter().map(Frame::cost).sum()
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        match &self.first {
            None => self.first = Some(frame),
            Some(_) => self.rest.push_back(frame),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Frame> {
        std::mem::replace(&mut self.first, self.rest.pop_front())
    }

    /// Moves all of another behind what is here.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        self.rest.extend(other.first.take());
        self.rest.append(&mut other.rest);
    }

    /// For one that is empty: gives back what it took when much waited.
    pub(crate) fn shrink(&mut self) {
        if self.rest.capacity() > KEEP_FRAMES {
            self.rest = VecDeque::new();
        }
    }
}

impl<'a> IntoIterator for &'a Queue {
    type Item = &'a Frame;
    type IntoIter = Chain<option::Iter<'a, Frame>, vec_deque::Iter<'a, Frame>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.iter().chain(&self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(u8),
        Pop,
        /// As many as these, from another.
        Append(Vec<u8>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<u8>().prop_map(Step::Push),
            Just(Step::Pop),
            prop::collection::vec(any::<u8>(), 0..4).prop_map(Step::Append),
        ]
    }

    fn frame(byte: u8) -> Frame {
        Frame::binary(&[byte])
    }

    proptest! {
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec(step(), 0..60)) {
            let (mut queue, mut model) = (Queue::default(), VecDeque::new());
            for step in steps {
                match step {
                    Step::Push(byte) => {
                        queue.push(frame(byte));
                        model.push_back(byte);
                    }
                    Step::Pop => {
                        let popped = queue.pop().map(|frame| frame.payload().to_vec());
                        prop_assert_eq!(popped, model.pop_front().map(|byte| vec![byte]));
                    }
                    Step::Append(bytes) => {
                        let mut other = Queue::default();
                        bytes.iter().for_each(|byte| other.push(frame(*byte)));
                        queue.append(&mut other);
                        prop_assert!(other.is_empty());
                        model.extend(bytes);
                    }
                }
                let held: Vec<u8> = (&queue).into_iter().flat_map(|frame| frame.payload().to_vec()).collect();
                prop_assert_eq!(held, Vec::from(model.clone()));
                prop_assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(queue.first().is_some(), !model.is_empty());
            }
        }
    }
}
