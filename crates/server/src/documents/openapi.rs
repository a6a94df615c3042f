//! What the API's document says beside its operations.

use aide::{
    openapi::{ApiKeyLocation, Info, License, OpenApi, ReferenceOr, SecurityScheme, Server},
    transform::TransformOpenApi,
};

/// An empty document, and a clean slate for the schemas of the operations described next on this thread.
pub(crate) fn start() -> OpenApi {
    aide::generate::reset_context();
    let license = License {
        name: "MIT OR Apache-2.0".to_owned(),
        identifier: Some("MIT OR Apache-2.0".to_owned()),
        ..License::default()
    };
    OpenApi {
        info: Info {
            title: "Plaza".to_owned(),
            summary: Some("Accounts, rooms, history and messages over HTTP.".to_owned()),
            description: Some(
                "Live events come over Socket.IO, see `/asyncapi.json`. Errors are problem details (RFC 9457) with a \
                 `code` of a closed list, `retryable` and `retryAfterMs`."
                    .to_owned(),
            ),
            version: crate::VERSION.to_owned(),
            license: Some(license),
            ..Info::default()
        },
        servers: vec![Server { url: "/api/v1".to_owned(), ..Server::default() }],
        ..OpenApi::default()
    }
}

/// What can be said only when all operations are there.
pub(crate) fn finish(mut document: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let token = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: Some("an access token, or a guest's token".to_owned()),
        description: Some(
            "From `POST /register`, `/login` or `/refresh`; a guest's from `session`.".to_owned(),
        ),
        extensions: Default::default(),
    };
    let key = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: Some("a webhook's key".to_owned()),
        description: Some("From `plaza admin webhook add`.".to_owned()),
        extensions: Default::default(),
    };
    let signature = SecurityScheme::ApiKey {
        location: ApiKeyLocation::Header,
        name: "webhook-signature".to_owned(),
        description: Some("Of Standard Webhooks, with `webhook-id` and `webhook-timestamp`.".to_owned()),
        extensions: Default::default(),
    };
    // `/health` stands beside the API; what it answers is described all the same.
    aide::generate::in_context(|context| context.schema.subschema_for::<plaza_protocol::Health>());
    let components = document.inner_mut().components.get_or_insert_default();
    for (name, scheme) in [("token", token), ("webhookKey", key), ("webhookSignature", signature)] {
        components.security_schemes.insert(name.to_owned(), ReferenceOr::Item(scheme));
    }
    document
}
