//! A connection to a server: TCP or a unix socket, TLS where the address says so.

use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use super::endpoint::{Address, Endpoint};

/// A connection, whatever it runs over.
pub(crate) type Stream = Box<dyn Io>;

/// What can be read and written.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects. The caller sets the time limit.
pub(crate) async fn dial(endpoint: &Endpoint, tls: Option<&Arc<ClientConfig>>) -> io::Result<Stream> {
    let (host, tcp) = match &endpoint.address {
        Address::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp(host, port) => (host, TcpStream::connect((host.as_str(), *port)).await?),
    };
    tcp.set_nodelay(true)?;
    if !endpoint.tls {
        return Ok(Box::new(tcp));
    }
    let config = tls.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "TLS is not set up"))?;
    let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(config.clone()).connect(name, tcp).await?))
}

/// Whom to trust: the authorities in this PEM file, or those of the system (or of `SSL_CERT_FILE`).
pub(crate) fn trust(file: Option<&Path>) -> io::Result<ClientConfig> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    let certificates = match file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(certificates).0 == 0 {
        let why = "no certificate authority is trusted here: install ca-certificates, or name a file of them";
        return Err(io::Error::new(ErrorKind::NotFound, why));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
