//! Whom to trust: the authorities of the system, or those in the file that `SSL_CERT_FILE` names, as with curl and
//! OpenSSL.

use rustls::{CertificateError, ClientConfig, RootCertStore, crypto::ring};
use std::{io, sync::Arc};

/// What a TLS connection is opened with. It reads the authorities anew.
pub(crate) fn config() -> io::Result<ClientConfig> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
        let sentence = format!(
            "no authority is trusted here{why}; install ca-certificates, or name a file of them in SSL_CERT_FILE"
        );
        return Err(io::Error::new(io::ErrorKind::NotFound, sentence));
    }
    trusting(roots)
}

/// What an error says to people; of a certificate that is not trusted, what to do.
pub(crate) fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    // Wrapped once, or more often: an error of the system's is not the source of those that it wraps.
    while let Some(wrapped) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        inner = wrapped;
    }
    let Some(rustls::Error::InvalidCertificate(why)) = inner.downcast_ref::<rustls::Error>() else {
        return error.to_string();
    };
    match why {
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is an authority's own (CA:TRUE); make one for the server (CA:FALSE)".to_owned()
        }
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate comes from no authority that is trusted here; to trust another, name its file in \
             SSL_CERT_FILE"
                .to_owned()
        }
        // It says for which names, or until when.
        _ => error.to_string(),
    }
}

/// Only that provider, and these authorities.
fn trusting(roots: RootCertStore) -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What an HTTP client is built with that asks a server without TLS, straight.
pub fn plain_http() -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy();
    // Without this the library looks for a provider that the whole process shares, and there is none.
    match trusting(RootCertStore::empty()) {
        Ok(config) => builder.tls_backend_preconfigured(config),
        Err(_) => builder,
    }
}

/// What an HTTP client is built with that asks a server over HTTPS, straight, and trusts whom Plaza's clients trust.
///
/// # Errors
/// When no authority is trusted here.
pub fn https() -> io::Result<reqwest::ClientBuilder> {
    Ok(plain_http().tls_backend_preconfigured(config()?).https_only(true))
}
