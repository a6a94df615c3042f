//! The published documents are those of the code. Where they part, look at the difference; if it is meant:
//! `PLAZA_WRITE_DOCUMENTS=1 cargo nextest run -p plaza-server --test documents`.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use serde_json::Value;
use std::{fs, path::PathBuf};

fn published(name: &str, made: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/api").join(name);
    let text = serde_json::to_string_pretty(made).unwrap() + "\n";
    if std::env::var_os("PLAZA_WRITE_DOCUMENTS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let line = there.lines().zip(text.lines()).position(|(there, made)| there != made);
    assert!(there == text, "docs/api/{name} and the code part at line {:?}", line.map(|line| line + 1));
}

#[test]
fn openapi_is_that_of_the_handlers() {
    published("openapi.json", &plaza_server::documents::openapi_json());
}

#[test]
fn asyncapi_is_that_of_the_requests_and_events() {
    published("asyncapi.json", &plaza_server::documents::asyncapi());
}
