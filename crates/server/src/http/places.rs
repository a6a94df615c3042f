//! How many connections may speak HTTP at once: so many in all, and of one address a part of them, so that no single
//! one can shut the others out.
//!
//! One too many in all waits until there is a place: nobody is at fault. One too many of an address is closed.

use crate::{client_addr::TrustedProxies, config, limits::network};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places there are, taken or free.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    of_one: usize,
    exempt: Exempt,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// Whether the operator was told of an address that had too many.
    told: AtomicBool,
}

/// Who may take all of them.
#[derive(Debug)]
struct Exempt {
    loopback: bool,
    proxies: TrustedProxies,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _free: OwnedSemaphorePermit,
    _counted: Option<Counted>,
}

#[derive(Debug)]
struct Counted {
    network: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Places {
    pub(super) fn new(server: &config::Server, exempt_loopback: bool) -> Self {
        Self {
            free: Arc::new(Semaphore::new(server.max_http_connections)),
            of_one: server.max_http_connections_per_address,
            exempt: Exempt { loopback: exempt_loopback, proxies: server.trusted_proxies.clone() },
            taken: Arc::default(),
            told: AtomicBool::new(false),
        }
    }

    /// As many places as there are, for whoever comes.
    pub(super) fn for_anybody(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            of_one: count,
            exempt: Exempt { loopback: true, proxies: TrustedProxies::default() },
            taken: Arc::default(),
            told: AtomicBool::new(false),
        }
    }

    /// Waits until there is a place for anybody.
    pub(super) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Takes the place for somebody in particular; `Err`, with the place, where the address has too many.
    pub(super) fn take(
        &self,
        free: OwnedSemaphorePermit,
        addr: IpAddr,
    ) -> Result<Place, OwnedSemaphorePermit> {
        let addr = addr.to_canonical();
        if (self.exempt.loopback && addr.is_loopback()) || self.exempt.proxies.contains(addr) {
            return Ok(Place { _free: free, _counted: None });
        }
        let network = network(addr);
        let mut taken = lock(&self.taken);
        let count = taken.entry(network).or_default();
        if *count >= self.of_one {
            drop(taken);
            self.tell(addr);
            return Err(free);
        }
        *count += 1;
        let counted = Counted { network, taken: Arc::clone(&self.taken) };
        Ok(Place { _free: free, _counted: Some(counted) })
    }

    /// Once: who comes too often comes again.
    fn tell(&self, address: IpAddr) {
        if !self.told.swap(true, Ordering::Relaxed) {
            let most = self.of_one;
            tracing::warn!(
                %address,
                most,
                "Connections are closed, since their address has as many as it may \
                 (server.max_http_connections_per_address); a proxy belongs into server.trusted_proxies"
            );
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

fn lock(taken: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(exempt_loopback: bool, proxies: &[&str]) -> Places {
        let proxies = proxies.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Places {
            free: Arc::new(Semaphore::new(10)),
            of_one: 2,
            exempt: Exempt { loopback: exempt_loopback, proxies: proxies.try_into().unwrap() },
            taken: Arc::default(),
            told: AtomicBool::new(false),
        }
    }

    async fn take(places: &Places, addr: &str) -> Option<Place> {
        let free = places.free().await.unwrap();
        places.take(free, addr.parse().unwrap()).ok()
    }

    #[tokio::test]
    async fn an_address_has_its_part_and_gets_it_back() {
        let places = places(true, &[]);
        let first = take(&places, "203.0.113.1").await.unwrap();
        let second = take(&places, "::ffff:203.0.113.1").await.unwrap();
        assert!(take(&places, "203.0.113.1").await.is_none());
        let other = take(&places, "203.0.113.2").await.unwrap();
        drop(second);
        let third = take(&places, "203.0.113.1").await.unwrap();
        assert_eq!(places.free.available_permits(), 7);
        drop((first, third, other));
        assert_eq!(places.free.available_permits(), 10);
        assert!(lock(&places.taken).is_empty(), "nothing is kept of who has gone");
    }

    #[tokio::test]
    async fn addresses_of_one_v6_network_are_one() {
        let places = places(true, &[]);
        let _held =
            (take(&places, "2001:db8::1").await.unwrap(), take(&places, "2001:db8::2").await.unwrap());
        assert!(take(&places, "2001:db8::3").await.is_none());
        assert!(take(&places, "2001:db8:0:1::3").await.is_some());
    }

    #[tokio::test]
    async fn proxies_and_this_machine_have_no_bound_where_they_are_trusted() {
        for (exempt, addr, free) in
            [(true, "127.0.0.1", true), (false, "127.0.0.1", false), (false, "10.1.2.3", true)]
        {
            let places = places(exempt, &["10.0.0.0/8"]);
            let mut held = Vec::new();
            for _ in 0..3 {
                held.extend(take(&places, addr).await);
            }
            assert_eq!(held.len() == 3, free, "{addr}");
        }
    }
}
