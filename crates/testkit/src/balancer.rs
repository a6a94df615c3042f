//! A door in front of several servers: each connection goes to the next of them that takes it, as with a load balancer
//! that knows nothing of what passes through.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// It closes when it is dropped.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
    accepting: JoinHandle<()>,
}

impl Balancer {
    /// In front of these ports on 127.0.0.1.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn before(servers: Vec<u16>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (servers, next) = (Arc::new(servers), AtomicUsize::new(0));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let first = next.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(pass(client, Arc::clone(&servers), first));
            }
        });
        Ok(Self { port, accepting })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// To the first that takes it; where none does, the client is let go.
async fn pass(mut client: TcpStream, servers: Arc<Vec<u16>>, first: usize) {
    for at in 0..servers.len() {
        let port = servers[(first + at) % servers.len()];
        if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            // Either end may break off, and the other learns it by what is dropped here.
            let _ = copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    }
}
