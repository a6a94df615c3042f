//! What a request to the server's path asks for, and how it is refused.
//!
//! Error bodies are those of Node's server: `{"code":N,"message":"…"}`.

use super::{Application, Engine, frame::Frame, websocket::handshake};
use crate::config::Origins;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

pub(crate) type Body = Full<Bytes>;

/// A refused request: an HTTP status, Node's error code, and a sentence.
#[derive(Debug, Clone)]
pub struct Refusal {
    status: StatusCode,
    code: u8,
    message: std::borrow::Cow<'static, str>,
    /// What the operator should know beyond Node's message.
    reason: Option<Box<str>>,
    retry_after_seconds: Option<u64>,
}

impl Refusal {
    const fn bad(code: u8, message: &'static str) -> Self {
        Self::with_status(StatusCode::BAD_REQUEST, code, message)
    }

    const fn with_status(status: StatusCode, code: u8, message: &'static str) -> Self {
        let message = std::borrow::Cow::Borrowed(message);
        Self { status, code, message, reason: None, retry_after_seconds: None }
    }

    pub(super) const UNKNOWN_TRANSPORT: Self = Self::bad(0, "Transport unknown");
    pub(super) const UNKNOWN_SID: Self = Self::bad(1, "Session ID unknown");
    pub(super) const BAD_METHOD: Self = Self::bad(2, "Bad handshake method");
    pub(super) const BAD_REQUEST: Self = Self::bad(3, "Bad request");
    pub(super) const UNSUPPORTED_VERSION: Self = Self::bad(5, "Unsupported protocol version");

    pub(super) const TOO_SLOW: Self = Self::with_status(StatusCode::REQUEST_TIMEOUT, 3, "Request timeout");
    pub(super) const TOO_LARGE: Self =
        Self::with_status(StatusCode::PAYLOAD_TOO_LARGE, 3, "Payload too large");

    /// 403: this client shall not come in.
    pub fn forbidden(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        let status = StatusCode::FORBIDDEN;
        Self { status, code: 4, message: message.into(), reason: None, retry_after_seconds: None }
    }

    /// 503: not now, but perhaps in a second; see [`retry_after`](Self::retry_after).
    pub fn unavailable(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self { status, code: 3, message: message.into(), reason: None, retry_after_seconds: Some(1) }
    }

    /// 429: not this client now, while others may come; see [`retry_after`](Self::retry_after). A proxy that tries another
    /// node after a 503 must not do so for this one.
    pub fn too_many(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, ..Self::unavailable(message) }
    }

    /// A sid that no session here has. Where it does not begin as those of this node do, a proxy in front has sent it
    /// astray, and the answer says so; of the sid it says nothing.
    fn unknown_sid(sid: &str, own_prefix: &str) -> Self {
        let reason = (!sid.starts_with(own_prefix)).then(|| {
            format!(
                "Sessions of this node begin with \"{own_prefix}\", and this one does not. What stands in front is to \
                 send each session to the node that its sid begins with."
            )
            .into()
        });
        Self { reason, ..Self::UNKNOWN_SID }
    }

    /// Has the answer say when to come again, in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_seconds = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    fn response(&self) -> Response<Body> {
        let mut body = serde_json::json!({ "code": self.code, "message": self.message });
        if let Some(reason) = &self.reason {
            body["reason"] = (**reason).into();
        }
        let mut response = answer(self.status, "application/json", body.to_string().into());
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

pub(super) fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Polling answers are nobody's to keep.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What the query of a request says. Values have no characters that would be encoded; others match nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query<'a> {
    pub(super) version: Option<&'a str>,
    pub(super) transport: Option<&'a str>,
    pub(super) sid: Option<&'a str>,
}

impl<'a> Query<'a> {
    pub(super) fn parse(query: &'a str) -> Self {
        let mut found = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match key {
                "EIO" => found.version = Some(value),
                "transport" => found.transport = Some(value),
                "sid" => found.sid = Some(value),
                _ => {}
            }
        }
        found
    }
}

impl<A: Application> Engine<A> {
    /// Answers one request, whatever it is. The future of a poll lasts until there is something to say; dropping
    /// it means that the client has gone.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let (parts, body) = request.into_parts();
        let cors = match cors(&self.shared.config.origins, &parts.headers) {
            Ok(cors) => cors,
            Err(refusal) => return refusal.response(),
        };
        let response = self.dispatch(parts, body).await;
        let mut response = response.unwrap_or_else(|refusal| refusal.response());
        response.headers_mut().extend(cors);
        response
    }

    async fn dispatch<B>(&self, mut parts: Parts, body: B) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        if parts.method == Method::OPTIONS {
            return Ok(preflight(&parts.headers));
        }
        let on_upgrade = parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
        let query = parts.uri.query().map(Query::parse).unwrap_or_default();
        let upgrade = handshake::is_asked_for(&parts.headers);
        match query.transport {
            Some("websocket") if upgrade => {}
            Some("polling") if self.shared.config.polling && !upgrade => {}
            Some("websocket" | "polling") => return Err(Refusal::BAD_REQUEST),
            _ => return Err(Refusal::UNKNOWN_TRANSPORT),
        }
        let session = match query.sid {
            Some(sid) => {
                let unknown = || Refusal::unknown_sid(sid, &self.shared.config.sid_prefix);
                Some(self.shared.find(sid).ok_or_else(unknown)?)
            }
            None if parts.method != Method::GET => return Err(Refusal::BAD_METHOD),
            None => None,
        };
        match (query.version, &session) {
            (Some("4"), _) => {}
            (_, Some(_)) => return Err(Refusal::BAD_REQUEST),
            (_, None) => return Err(Refusal::UNSUPPORTED_VERSION),
        }
        match (upgrade, session) {
            (true, session) => self.accept_websocket(&parts, on_upgrade, session),
            (false, None) => self.open_polling(&parts),
            (false, Some(session)) => match parts.method {
                Method::GET => super::polling::get(&session).await,
                Method::POST => {
                    super::polling::post(&session, &parts.headers, body, &self.shared.config).await
                }
                _ => Err(Refusal::BAD_REQUEST),
            },
        }
    }

    fn open_polling(&self, parts: &Parts) -> Result<Response<Body>, Refusal> {
        let session = self.shared.open_polling(parts)?;
        let body = self.handshake_packet(session.secret_sid(), r#"["websocket"]"#);
        let mut response = answer(StatusCode::OK, super::polling::TEXT, body.into());
        let cookie = self.shared.config.cookie.as_ref();
        if let Some(cookie) = cookie.and_then(|cookie| cookie.header(session.secret_sid())) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    /// The first packet of a session.
    fn handshake_packet(&self, sid: &str, upgrades: &str) -> String {
        let config = &self.shared.config;
        format!(
            r#"0{{"sid":"{sid}","upgrades":{upgrades},"pingInterval":{},"pingTimeout":{},"maxPayload":{}}}"#,
            config.ping_interval.as_millis(),
            config.ping_timeout.as_millis(),
            config.max_payload,
        )
    }

    fn accept_websocket(
        &self,
        parts: &Parts,
        on_upgrade: Option<hyper::upgrade::OnUpgrade>,
        session: Option<Arc<super::Session>>,
    ) -> Result<Response<Body>, Refusal> {
        let offered = self.shared.config.compression;
        let (response, compress) = handshake::accept(&parts.method, &parts.headers, offered.is_some())
            .ok_or(Refusal::BAD_REQUEST)?;
        let on_upgrade = on_upgrade.ok_or(Refusal::BAD_REQUEST)?;
        let socket = super::upgrade::socket(on_upgrade, offered.filter(|_| compress));
        match session {
            Some(session) => super::upgrade::attempt(&self.shared, session, socket),
            None => {
                let session = self.shared.open_websocket(parts, socket)?;
                let open = Frame::packet(&self.handshake_packet(session.secret_sid(), "[]"));
                // It cannot fail: the session is new and its outbox empty.
                let _ = session.send(&open.into());
            }
        }
        Ok(response)
    }
}

/// Serves an Engine.IO application without Socket.IO, at any path.
impl<A: Application, B> tower_service::Service<Request<B>> for Engine<A>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let engine = self.clone();
        Box::pin(async move { Ok(engine.respond(request).await) })
    }
}

/// The headers that let a page read the answer; an error for a page that shall not ask.
fn cors(origins: &Origins, headers: &HeaderMap) -> Result<HeaderMap, Refusal> {
    let mut cors = HeaderMap::new();
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(cors) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !origin.to_str().is_ok_and(|origin| origins.allow(origin, host)) {
        return Err(Refusal::forbidden("Origin not allowed"));
    }
    match origins {
        Origins::Any => cors.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        Origins::Same | Origins::List(_) => {
            cors.insert(header::VARY, HeaderValue::from_static("Origin"));
            cors.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            cors.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())
        }
    };
    Ok(cors)
}

fn preflight(headers: &HeaderMap) -> Response<Body> {
    let mut response = answer(StatusCode::NO_CONTENT, "text/plain", Bytes::new());
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST"));
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_in_any_order() {
        let query = Query::parse("t=abc&sid=x1&transport=polling&EIO=4");
        assert_eq!(query, Query { version: Some("4"), transport: Some("polling"), sid: Some("x1") });
        assert_eq!(Query::parse("EIO&&=&transport="), Query { transport: Some(""), ..Query::default() });
    }

    #[test]
    fn a_foreign_page_is_refused_and_ones_own_may_read() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("plaza.example"));
        assert!(cors(&Origins::Same, &headers).unwrap().is_empty());
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(cors(&Origins::Same, &headers).is_err());
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://plaza.example"));
        let cors = cors(&Origins::Same, &headers).unwrap();
        assert_eq!(cors[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://plaza.example");
    }
}
