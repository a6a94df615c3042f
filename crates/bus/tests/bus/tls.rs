//! A server that speaks TLS.

use crate::node::{Node, options};
use plaza_bus::{Endpoint, Layout, RedisOptions};
use plaza_testkit::{RedisSetup, free_port};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::Path;

/// An authority and a certificate for 127.0.0.1, as files `ca.pem`, `cert.pem` and `key.pem`.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("ca.pem", authority.pem());
    write("cert.pem", certificate.pem());
    write("key.pem", key.serialize_pem());
}

#[tokio::test]
async fn tls_by_an_authority_of_ones_own_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port();
    let _redis = RedisSetup::default()
        .setting("--tls-port", &port.to_string())
        .setting("--tls-cert-file", &file("cert.pem"))
        .setting("--tls-key-file", &file("key.pem"))
        .setting("--tls-ca-cert-file", &file("ca.pem"))
        .setting("--tls-auth-clients", "no")
        .start()
        .await
        .unwrap();
    let endpoint = Endpoint::parse(&format!("rediss://127.0.0.1:{port}")).unwrap();
    let trusting = |authority: &str| RedisOptions {
        ca_file: Some(folder.path().join(authority)),
        ..options(Layout::One(endpoint.clone()))
    };
    let mut node = Node::start(trusting("ca.pem")).await;
    let _held = node.hears("room:1").await;
    // More than one record of TLS.
    let long = "x".repeat(100_000);
    node.says("room:1", &long);
    assert_eq!(node.message().await.1, long);
    std::fs::create_dir(folder.path().join("other")).unwrap();
    certificates(&folder.path().join("other"));
    let distrusting = Node::start(trusting("other/ca.pem")).await;
    let states =
        distrusting.state(|servers| servers[0].publishing.as_deref() != Some("not connected yet")).await;
    assert!(!states[0].is_up());
    assert!(distrusting.bus.found().contains("certificate"), "{}", distrusting.bus.found());
}
