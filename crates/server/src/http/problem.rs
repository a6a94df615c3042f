//! Errors on HTTP: problem details, RFC 9457, with Plaza's code beside its fields.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use plaza_protocol::{Code, Error, Problem};

/// The media type of problem details.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refused HTTP request. Its status is its code's, unless HTTP has a nearer one (405, 415).
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: Error,
    /// The field of the body that is wrong.
    field: Option<String>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(error.code.http_status());
        Self { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error, field: None }
    }
}

impl Refusal {
    /// A bad request for which HTTP has a status of its own.
    pub(super) fn bad_request(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, error: Error::bad_request(message), field: None }
    }

    /// With the field of the body that is wrong.
    pub(super) fn in_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// 401
    pub(super) fn unauthorized(message: &str) -> Self {
        Error::new(Code::Unauthorized, message).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, error, field } = self;
        let problem = Problem {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: error.message,
            code: error.code,
            retryable: error.retryable,
            retry_after_ms: error.retry_after_ms,
            field,
        };
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        if let Some(millis) = error.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
