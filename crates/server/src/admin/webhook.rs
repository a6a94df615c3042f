//! `plaza admin webhook`: programs that write into rooms, and their keys. A key is printed once, alone on stdout.

use super::on_data;
use crate::config::Config;
use clap::Subcommand;
use plaza_chat::NewWebhook;
use plaza_protocol::RoomId;
use std::io::Write;

#[derive(Debug, Subcommand)]
pub(super) enum Webhook {
    /// Make one that may write into rooms, and print its key
    Add {
        /// What its messages are of: 1 to 32 letters, digits, dots, underscores, hyphens and single spaces
        name: String,
        /// A room's id; may be given several times
        #[arg(long = "room", value_name = "ROOM", required = true)]
        rooms: Vec<RoomId>,
    },
    /// Print another key of one; those before it hold for a while more
    Rotate {
        /// Its name
        name: String,
        /// How long the keys before it hold, in hours; 0: no longer
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
        overlap: u32,
    },
    /// Say which there are: name, rooms, and how many keys hold
    List,
    /// End one, and its keys at once; what it wrote stays
    Remove {
        /// Its name
        name: String,
    },
}

pub(super) async fn run(
    command: Webhook,
    config: &Config,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> anyhow::Result<()> {
    match command {
        Webhook::Add { name, rooms } => {
            let made = on_data(config, async |office| office.add_webhook(&name, &rooms).await).await?;
            give(out, notes, &made)
        }
        Webhook::Rotate { name, overlap } => {
            let millis = i64::from(overlap) * 3_600_000;
            let made = on_data(config, async |office| office.rotate_webhook(&name, millis).await).await?;
            give(out, notes, &made)
        }
        Webhook::List => {
            let webhooks = on_data(config, async |office| office.list_webhooks().await).await?;
            for webhook in &webhooks {
                let rooms: Vec<&str> = webhook.rooms.iter().map(RoomId::as_str).collect();
                writeln!(out, "{}\t{}\t{}", webhook.name, rooms.join(","), webhook.keys)?;
            }
            if webhooks.is_empty() {
                writeln!(notes, "There is no webhook: plaza admin webhook add NAME --room ROOM makes one.")?;
            }
            Ok(())
        }
        Webhook::Remove { name } => {
            on_data(config, async |office| office.remove_webhook(&name).await).await?;
            writeln!(notes, "The webhook {name} is no more. What it wrote stays.")?;
            Ok(())
        }
    }
}

fn give(out: &mut dyn Write, notes: &mut dyn Write, made: &NewWebhook) -> anyhow::Result<()> {
    writeln!(out, "{}", made.key.expose())?;
    let name = &made.name;
    writeln!(
        notes,
        "This is the key of {name}. It is shown once: keep it where only that program reads it."
    )?;
    if let Some(until) = made.others_until {
        writeln!(notes, "The keys before it hold until {until}.")?;
    }
    Ok(())
}
