//! Where a client comes back to: where it came before, or where the server said when it stopped.

use crate::Address;

/// One address, and another to try in turn once the server has named one.
#[derive(Debug)]
pub(super) struct Destination {
    address: Address,
    other: Option<Address>,
}

impl Destination {
    pub(super) fn new(address: Address) -> Self {
        Self { address, other: None }
    }

    /// Where to try now.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The server said where to go: there it is, if that is an address, and no less secret than this one.
    pub(super) fn go_to(&mut self, url: Option<&str>) {
        let named = url.and_then(|url| url.parse::<Address>().ok());
        if let Some(named) = named.filter(|named| named.is_tls() || !self.address.is_tls()) {
            self.other = Some(std::mem::replace(&mut self.address, named));
        }
    }

    /// Nobody answers there: the other one may.
    pub(super) fn try_other(&mut self) {
        if let Some(other) = &mut self.other {
            std::mem::swap(&mut self.address, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(destination: &Destination) -> String {
        destination.address().authority()
    }

    #[test]
    fn where_the_server_said_is_tried_and_then_where_it_was() {
        let mut destination = Destination::new("http://a:1".parse().unwrap());
        destination.try_other();
        assert_eq!(at(&destination), "a:1");
        destination.go_to(Some("http://b:2"));
        assert_eq!(at(&destination), "b:2");
        for (tries, there) in ["a:1", "b:2", "a:1"].iter().enumerate() {
            destination.try_other();
            assert_eq!(at(&destination), *there, "{tries}");
        }
        // Another node stops: from there on to the next.
        destination.go_to(Some("https://c"));
        assert_eq!(at(&destination), "c:443");
        destination.try_other();
        assert_eq!(at(&destination), "a:1");
    }

    #[test]
    fn what_is_no_address_or_less_secret_is_not_followed() {
        let mut destination = Destination::new("https://a".parse().unwrap());
        for url in [None, Some(""), Some("ftp://b"), Some("http://b"), Some("b:1")] {
            destination.go_to(url);
            assert_eq!(at(&destination), "a:443", "{url:?}");
        }
    }
}
