//! Reading a certificate and its key, and noticing that their files have changed.

use crate::config;
use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("cannot read {}, which {key} names: {why}", .path.display())]
    Unreadable {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word on it.
        why: io::Error,
    },
    /// A file that is not what it should be.
    #[error("{}, which {key} names, {why}", .path.display())]
    Unusable {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

const CERT: &str = "server.tls.cert";
const KEY: &str = "server.tls.key";

/// TLS with the certificate as it lies there now.
pub(super) fn load(settings: &config::Tls) -> Result<ServerConfig, TlsError> {
    let chain = chain(&settings.cert)?;
    let key = private_key(&settings.key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| unusable(CERT, &settings.cert, format!("cannot be used: {why}")))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|why| match why {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let other = settings.cert.display();
                unusable(KEY, &settings.key, format!("is not the key of the certificate in {other}"))
            }
            why => unusable(CERT, &settings.cert, format!("cannot be used with its key: {why}")),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(CERT, path)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|why| unusable(CERT, path, broken(&why)))?;
    if chain.is_empty() {
        return Err(unusable(CERT, path, "holds no certificate (no BEGIN CERTIFICATE)".into()));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(KEY, path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|why| {
        let why = match why {
            pem::Error::NoItemsFound => {
                "holds no private key that can be read without a password (no BEGIN PRIVATE KEY)".into()
            }
            why => broken(&why),
        };
        unusable(KEY, path, why)
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|why| TlsError::Unreadable { key, path: path.to_owned(), why })
}

fn unusable(key: &'static str, path: &Path, why: String) -> TlsError {
    TlsError::Unusable { key, path: path.to_owned(), why }
}

/// Without what stands in the file: it may be a secret.
fn broken(why: &pem::Error) -> String {
    let what = match why {
        pem::Error::MissingSectionEnd { .. } => "a section does not end",
        pem::Error::IllegalSectionStart { .. } => "a section does not begin as it should",
        pem::Error::Base64Decode(_) => "what a section holds is not base64",
        _ => "it cannot be read",
    };
    format!("is no PEM file: {what}")
}

/// What is known of the files without reading them: another one is most likely another content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint([Option<(SystemTime, u64, u64)>; 2]);

impl Fingerprint {
    pub(super) fn of(settings: &config::Tls) -> Self {
        Self([stamp(&settings.cert), stamp(&settings.key)])
    }
}

/// When it was written, how long it is, and which file it is: through symbolic links, by which some change both files
/// at once. `None`: it cannot be seen.
fn stamp(path: &Path) -> Option<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}
