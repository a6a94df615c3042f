//! The contract that every client relies on, seen from outside: the real binary, one raw connection at a time, every
//! event looked at.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

mod bursts;
mod connecting;
mod direct;
mod flow;
mod membership;
mod messages;
mod presence;
mod resuming;
mod roles;
mod strangers;
mod writing;

use plaza_client::RequestError;
use plaza_protocol::{Code, Error, Event};

/// The refusal, which there must be.
fn refused<T: std::fmt::Debug>(answer: Result<T, RequestError>) -> Error {
    match answer {
        Err(RequestError::Refused(error)) => {
            assert!(is_sentence(&error.message), "{error:?}");
            error
        }
        other => panic!("instead of a refusal: {other:?}"),
    }
}

/// Whether people can read it as it is.
fn is_sentence(text: &str) -> bool {
    text.starts_with(char::is_uppercase) && text.ends_with('.')
}

/// The code of the refusal, which there must be.
fn code<T: std::fmt::Debug>(answer: Result<T, RequestError>) -> Code {
    refused(answer).code
}

/// The positions of events.
fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(Event::seq).collect()
}
