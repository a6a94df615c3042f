//! Servers that cannot be used, or not be trusted: each is refused with a sentence, and no sentence has the password.

use plaza_store::{Durability, Migration, Place, Store, StoreError, StoreOptions};
use plaza_testkit::Postgres;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use sqlx::Row as _;
use tempfile::TempDir;

const NOTES: &[Migration] = &[Migration::new(1, "notes", "CREATE TABLE notes (id BIGINT PRIMARY KEY)")];
const PASSWORD: &str = "open-sesame";

async fn open(url: &str) -> Result<Store, StoreError> {
    let options = StoreOptions {
        durability: Durability::None,
        readers: 2,
        ..StoreOptions::at(Place::Server(url.parse().unwrap()), [0x0f; 16])
    };
    Store::open(options, NOTES).await
}

/// The sentence it is refused with, which must not hold the password.
async fn refused(url: &str) -> String {
    let error = open(url).await.expect_err("it is refused");
    for said in [error.to_string(), format!("{error:?}")] {
        assert!(!said.contains(PASSWORD), "{said}");
    }
    error.to_string()
}

#[tokio::test]
async fn a_server_older_than_15_is_refused() {
    let server = Postgres::start().await.unwrap();
    // One that says of itself what another version would: what comes first in the search path is asked first.
    let tells = |number: u32, version: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION past.current_setting(name text) RETURNS text LANGUAGE sql AS $$
                 SELECT CASE name WHEN 'server_version_num' THEN '{number}' WHEN 'server_version' THEN '{version}'
                     ELSE pg_catalog.current_setting(name) END $$;"
        )
    };
    server.run("CREATE SCHEMA past").await.unwrap();
    let url = format!("{}&options[search_path]=past,pg_catalog", server.url());
    for (number, version) in [(140_019, "14.19"), (90_624, "9.6.24")] {
        server.run(&tells(number, version)).await.unwrap();
        let said = refused(&url).await;
        assert!(said.contains(&format!("it is PostgreSQL {version}, and Plaza needs 15 or later")), "{said}");
    }
    server.run(&tells(150_000, "15.0")).await.unwrap();
    open(&url).await.unwrap().close().await;
}

/// An authority, and a certificate of it for 127.0.0.1.
struct Trust {
    folder: TempDir,
    certificate: String,
    key: String,
}

impl Trust {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = |name: &str| {
            let mut params = CertificateParams::new([]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let file = folder.path().join(name);
            std::fs::write(file, params.self_signed(&key).unwrap().pem()).unwrap();
            Issuer::new(params, key)
        };
        let (ours, _other) = (authority("ours.pem"), authority("other.pem"));
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        Self { folder, certificate, key }
    }

    fn root(&self, name: &str) -> String {
        format!("sslmode=verify-full&sslrootcert={}", self.folder.path().join(name).display())
    }
}

#[tokio::test]
async fn over_tls_only_a_server_that_is_known_is_told_the_password() {
    let trust = Trust::new();
    let server = Postgres::with_tls(&trust.certificate, &trust.key).await.unwrap();
    let role = format!("CREATE ROLE ana LOGIN PASSWORD '{PASSWORD}'; CREATE SCHEMA ana AUTHORIZATION ana");
    server.run(&role).await.unwrap();
    let at = |password: &str, parameters: &str| server.tls_url("ana", password, parameters).unwrap();

    let store = open(&at(PASSWORD, &trust.root("ours.pem"))).await.unwrap();
    let mut reader = store.read().await.unwrap();
    let tls = sqlx::query("SELECT ssl::int, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    let row = tls.fetch_one(&mut *reader).await.unwrap();
    assert_eq!((row.get::<i32, _>(0), row.get::<String, _>(1).as_str()), (1, "TLSv1.3"));
    drop(reader);
    store.close().await;

    let strange = "its certificate is not to be trusted";
    for (url, told) in [
        (at(PASSWORD, &trust.root("other.pem")), strange),
        // The system knows nobody who answers for it.
        (at(PASSWORD, "sslmode=verify-full"), strange),
        // The certificate is for the number.
        (at(PASSWORD, &trust.root("ours.pem")).replace("127.0.0.1", "localhost"), strange),
        (at(PASSWORD, &trust.root("none.pem")), "none.pem"),
        (at(PASSWORD, "sslmode=disable"), "pg_hba.conf"),
        (at("wrong", &trust.root("ours.pem")), "password authentication failed for user \"ana\""),
    ] {
        let said = refused(&url).await;
        assert!(said.contains(told), "{said}");
        assert!(said.contains("postgres://ana@"), "which server: {said}");
    }
}
