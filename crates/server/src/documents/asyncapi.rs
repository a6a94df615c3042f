//! The sockets' document: AsyncAPI 3.0, <https://www.asyncapi.com/docs/reference/specification/v3.0.0>.

use plaza_protocol::{Auth, Described, DescribedEvent, EVENTS, Error, REQUESTS};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The document, made of the tables of requests and events.
pub fn asyncapi() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = SchemaGenerator::new(settings);
    let (mut messages, mut operations) = (Map::new(), Map::new());
    for request in REQUESTS {
        ask(&mut schemas, request, &mut messages, &mut operations);
    }
    for event in EVENTS {
        tell(&mut schemas, event, &mut messages, &mut operations);
    }
    let auth = schemas.subschema_for::<Auth>();
    let error = schemas.subschema_for::<Error>();
    let channel: Map<_, _> = messages
        .keys()
        .map(|name| (name.clone(), json!({"$ref": format!("#/components/messages/{}", pointer(name))})))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Plaza",
            "version": crate::VERSION,
            "description": "Socket.IO (protocol 5, Engine.IO 4) at `/socket.io/`, namespace `/`. A request is one event \
                            with one object and an acknowledgement: `{\"ok\":true, …}` or `{\"ok\":false, \"error\"}`.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/socket.io/",
                "description": "CONNECT carries `auth`, see the schema `Auth`.",
                "messages": channel,
            },
        },
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas.take_definitions(true),
        },
        "x-auth": auth,
        "x-error": error,
    })
}

fn ask(
    schemas: &mut SchemaGenerator,
    request: &Described,
    messages: &mut Map<String, Value>,
    operations: &mut Map<String, Value>,
) {
    let error = schemas.subschema_for::<Error>();
    let (object, answer) = ((request.request)(schemas), (request.answer)(schemas));
    let accepted = json!({"allOf": [{
        "type": "object", "required": ["ok"], "properties": {"ok": {"const": true}},
    }, answer]});
    let refused = json!({
        "type": "object", "required": ["ok", "error"], "properties": {"ok": {"const": false}, "error": error},
    });
    let reply = format!("{}.answer", request.event);
    messages.insert(
        request.event.to_owned(),
        json!({"name": request.event, "title": request.request_type, "payload": object}),
    );
    messages.insert(
        reply.clone(),
        json!({
            "name": reply, "title": request.answer_type, "summary": format!("Acknowledges `{}`.", request.event),
            "payload": {"oneOf": [accepted, refused]},
        }),
    );
    operations.insert(
        request.event.to_owned(),
        json!({
            "action": "receive",
            "channel": {"$ref": "#/channels/socket"},
            "messages": [in_channel(request.event)],
            "reply": {"channel": {"$ref": "#/channels/socket"}, "messages": [in_channel(&reply)]},
        }),
    );
}

fn tell(
    schemas: &mut SchemaGenerator,
    event: &DescribedEvent,
    messages: &mut Map<String, Value>,
    operations: &mut Map<String, Value>,
) {
    let object = (event.object)(schemas);
    let object = if event.logged {
        let kind =
            json!({"type": "object", "required": ["type"], "properties": {"type": {"const": event.event}}});
        json!({"allOf": [kind, object]})
    } else {
        object.into()
    };
    // A request may have the same name: what the server tells is a message of its own.
    let name = if messages.contains_key(event.event) {
        format!("{}.told", event.event)
    } else {
        event.event.to_owned()
    };
    let operation = json!({
        "action": "send", "channel": {"$ref": "#/channels/socket"}, "messages": [in_channel(&name)],
    });
    messages
        .insert(name.clone(), json!({"name": event.event, "title": event.object_type, "payload": object}));
    operations.insert(name, operation);
}

fn in_channel(name: &str) -> Value {
    json!({"$ref": format!("#/channels/socket/messages/{}", pointer(name))})
}

/// A name as a part of a JSON pointer, RFC 6901.
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
