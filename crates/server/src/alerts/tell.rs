//! Telling somebody of a report: by a webhook, by a command, or both; each once, and neither for long.

use super::Report;
use crate::config;
use anyhow::{Context as _, anyhow, ensure};
use plaza_chat::Random;
use standardwebhooks::Webhook;
use std::{process::Stdio, sync::Arc};
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

/// Whom to tell.
pub(super) struct Teller {
    settings: config::Alerts,
    random: Arc<dyn Random>,
}

impl Teller {
    pub(super) fn new(settings: config::Alerts, random: Arc<dyn Random>) -> Self {
        Self { settings, random }
    }

    /// Tells of it, within the time there is. What goes wrong is in the log.
    pub(super) async fn tell(&self, report: &Report) {
        tokio::join!(
            self.within("webhook", !self.settings.url.is_empty(), self.post(report)),
            self.within("command", !self.settings.command.is_empty(), self.run(report)),
        );
    }

    async fn within(
        &self,
        what: &'static str,
        is_wanted: bool,
        telling: impl Future<Output = anyhow::Result<()>>,
    ) {
        if !is_wanted {
            return;
        }
        let told = timeout(self.settings.timeout(), telling).await;
        match told.unwrap_or_else(|_| Err(anyhow!("it took longer than alerts.timeout_ms"))) {
            Ok(()) => tracing::info!("The {what} of [alerts] was told"),
            // Without the address, which may hold a key.
            Err(error) => tracing::error!("The {what} of [alerts] could not be told: {error:#}"),
        }
    }

    /// Posts it as Standard Webhooks has it.
    async fn post(&self, report: &Report) -> anyhow::Result<()> {
        let config::Alerts { url, secret, .. } = &self.settings;
        let http =
            if url.starts_with("https:") { plaza_client::https()? } else { plaza_client::plain_http() };
        let http = http.redirect(reqwest::redirect::Policy::none()).build()?;
        let body = serde_json::to_string(report)?;
        let id: String = self.random.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let (id, at) = (format!("msg_{id}"), report.timestamp.as_millis() / 1_000);
        let mut post = http
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", at.to_string());
        if !secret.is_empty() {
            let signature = Webhook::new(secret.expose())?.sign(&id, at, body.as_bytes())?;
            post = post.header("webhook-signature", signature);
        }
        let answer = post.body(body).send().await.map_err(reqwest::Error::without_url)?;
        ensure!(answer.status().is_success(), "it answered {}", answer.status());
        Ok(())
    }

    /// Runs the command, without a shell and without Plaza's settings, and writes the report to its stdin.
    async fn run(&self, report: &Report) -> anyhow::Result<()> {
        let (program, args) = self.settings.command.split_first().context("there is none")?;
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(config::ENV_PREFIX) {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read it to its end may have read enough.
            let _ = stdin.write_all(report.in_words().as_bytes()).await;
        }
        let status = child.wait().await?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }
}
