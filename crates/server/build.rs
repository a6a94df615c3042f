//! Chooses the web client to embed: `web/dist` where it was built, else one page that says that it was not, so that
//! `cargo build` needs no npm.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/web/missing.html");
    let built = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../web/dist");
    // Cargo can watch only what exists: an empty folder is how it learns that the client was built. A source tree
    // that cannot be written does without.
    let _ = fs::create_dir_all(&built);
    println!("cargo:rerun-if-changed={}", built.display());

    if built.join("index.html").is_file() {
        println!("cargo:rustc-env=PLAZA_WEB_DIR={}", built.display());
        println!("cargo:rustc-env=PLAZA_WEB_BUILT=yes");
        return;
    }
    let stand_in = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("web");
    let written = fs::create_dir_all(&stand_in)
        .and_then(|()| fs::copy("src/web/missing.html", stand_in.join("index.html")));
    if let Err(error) = written {
        println!("cargo:error=cannot write {}: {error}", stand_in.display());
    }
    println!("cargo:rustc-env=PLAZA_WEB_DIR={}", stand_in.display());
    println!("cargo:rustc-env=PLAZA_WEB_BUILT=no");
}
