//! `floor PORT`: the least that the small application can cost. See `plaza_bench::floor`.

use anyhow::{Context, Result};
use std::net::TcpListener;

fn main() -> Result<()> {
    let port: u16 = std::env::args().nth(1).context("floor PORT")?.parse()?;
    plaza_bench::floor::serve(&TcpListener::bind(("127.0.0.1", port))?)
}
