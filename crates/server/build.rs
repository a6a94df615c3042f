//! Has the server compiled again when the web client was built: what it embeds is `web/dist` (see `src/web`).

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/web/stand-in");
    let built = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../web/dist");
    // Cargo can watch only what exists: an empty folder is how it learns that the client was built. A source tree
    // that cannot be written does without.
    let _ = fs::create_dir_all(&built);
    println!("cargo:rerun-if-changed={}", built.display());
}
