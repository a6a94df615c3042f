//! The one thing that is asked of Zalo: to give somebody a text.

use crate::config;
use plaza_protocol::{Secret, ZaloUser};
use serde::Deserialize;
use serde_json::json;
use std::{path::PathBuf, time::Duration};

/// Zalo, as far as answers go.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: Token,
}

enum Token {
    Given(Secret),
    /// Read anew each time: tokens hold for about a day, and something else renews them.
    InFile(PathBuf),
}

/// What Zalo says to an answer; 0 is success.
#[derive(Deserialize)]
struct Taken {
    error: i64,
    #[serde(default)]
    message: String,
}

impl Client {
    /// `None` where no token is configured.
    pub(super) fn new(settings: &config::Zalo) -> anyhow::Result<Option<Self>> {
        let token = if !settings.access_token_file.as_os_str().is_empty() {
            Token::InFile(settings.access_token_file.clone())
        } else if !settings.access_token.is_empty() {
            Token::Given(settings.access_token.clone())
        } else {
            return Ok(None);
        };
        // Over plain HTTP only to a stand-in on this machine.
        let builder = if settings.api_url.starts_with("https:") {
            plaza_client::https()?
        } else {
            plaza_client::plain_http()
        };
        let http = builder.timeout(Duration::from_millis(settings.timeout_ms)).build()?;
        let url = format!("{}/v3.0/oa/message/cs", settings.api_url.trim_end_matches('/'));
        Ok(Some(Self { http, url, token }))
    }

    /// Gives somebody a text. Once: of one that broke off nobody knows whether it arrived.
    pub(super) async fn send(&self, to: &ZaloUser, text: &str) -> Result<(), String> {
        let token = match &self.token {
            Token::Given(token) => token.expose().to_owned(),
            Token::InFile(path) => tokio::fs::read_to_string(path)
                .await
                .map_err(|error| format!("the file of the access token cannot be read: {error}"))?
                .trim()
                .to_owned(),
        };
        let mut token = http::HeaderValue::try_from(token).map_err(|_| "the access token is malformed")?;
        token.set_sensitive(true);
        let body = json!({"recipient": {"user_id": to.as_str()}, "message": {"text": text}});
        let asked = self.http.post(&self.url).header("access_token", token).json(&body).send().await;
        let answer = asked.map_err(|error| format!("Zalo was not reached: {}", error.without_url()))?;
        let status = answer.status();
        let taken = answer.json::<Taken>().await.map_err(|_| format!("Zalo answered {status}"))?;
        if taken.error == 0 {
            return Ok(());
        }
        let why: String = taken.message.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(format!("Zalo refused it: {why} ({})", taken.error))
    }
}
