//! `plaza drain`: has a node let its clients go, and stop.
//!
//! It asks as an administrator, on the address where clients are served: figures are shown to whoever reaches theirs, and
//! that must not be enough to stop a node. The node is named in the request, since a proxy may have chosen any of several.

use super::{PasswordFrom, elsewhere, password};
use clap::Args;
use std::io::Write;

/// Which node, and who asks.
#[derive(Debug, Args)]
pub struct Drain {
    /// Where the node is, such as http://127.0.0.1:3000; its own address, not that of a proxy before several
    url: String,
    /// As this administrator, whose password is asked for, or read from stdin
    #[arg(long = "as", id = "as_whom", value_name = "ADMIN")]
    admin: String,
    /// Only if this is the node's name
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    #[command(flatten)]
    password: PasswordFrom,
}

/// Asks for it, and does not wait for the node's end.
///
/// # Errors
/// One sentence: why it was refused, or that there was no answer.
pub async fn drain(asked: Drain, notes: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let Drain { url, admin, node, password } = asked;
    let password = password::of_somebody(password.file.as_deref(), &admin).await?;
    let node = elsewhere::drain(&url, &admin, password, node).await?;
    writeln!(notes, "Node {node} lets nobody in any more, and ends once its clients are gone.")?;
    Ok(())
}
