//! The documents as a page for people: no script, one style sheet.

use serde_json::Value;
use std::fmt::Write;

/// The page's style sheet.
pub(super) const STYLE: &str = include_str!("page.css");

const REQUESTS: &str = "<p>Over Socket.IO at <code>/socket.io/</code>, namespace <code>/</code>; connect with \
    <a href=\"#type-Auth\"><code>Auth</code></a>. Each is one event with one object and an acknowledgement: \
    <code>{ok: true, …}</code> with what its answer has, or <code>{ok: false, error}</code> with an \
    <a href=\"#type-Error\"><code>Error</code></a>. Behind the object may stand <code>{timeoutMs}</code>, 1 to 30000: \
    what waits for its turn for longer is not carried out.</p>\n";
const EVENTS: &str =
    "<p>What the server sends. Those of a room's log carry their position in it, <code>seq</code>.</p>\n";

/// The page.
pub(super) fn page(openapi: &Value, asyncapi: &Value) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Plaza: its interfaces</title><link rel=\"icon\" href=\"/favicon.svg\">\
         <link rel=\"stylesheet\" href=\"/docs/page.css\"></head><body>\n\
         <header><h1>Plaza: its interfaces</h1><p>Made of the code of this very server, version ",
    );
    html.push_str(&escaped(crate::VERSION));
    html.push_str(
        ". For programs: <a href=\"/asyncapi.json\">asyncapi.json</a>, <a href=\"/openapi.json\">openapi.json</a>.</p>\
         <nav aria-label=\"Parts\"><a href=\"#requests\">Socket requests</a> <a href=\"#events\">Socket events</a> \
         <a href=\"#http\">HTTP</a> <a href=\"#types\">Types</a></nav></header>\n<main>\n",
    );
    sockets(&mut html, asyncapi, "receive", "requests", "Socket requests");
    sockets(&mut html, asyncapi, "send", "events", "Socket events");
    http(&mut html, openapi);
    types(&mut html, asyncapi, openapi);
    html.push_str("</main></body></html>\n");
    html
}

fn sockets(html: &mut String, document: &Value, action: &str, id: &str, title: &str) {
    let _ = writeln!(html, "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{title}</h2>");
    let mine = object(&document["operations"]).filter(|(_, operation)| operation["action"] == action);
    let messages = &document["components"]["messages"];
    let names: Vec<(&str, &str)> =
        mine.map(|(key, _)| (key.as_str(), text(&messages[key]["name"]))).collect();
    html.push_str(if action == "receive" { REQUESTS } else { EVENTS });
    index(html, id, names.iter().map(|(_, name)| *name));
    for (key, name) in names {
        let _ = write!(html, "<article id=\"{id}-{0}\"><h3><code>{0}</code></h3>", escaped(name));
        let kind = text(&messages[key]["title"]);
        let about = text(&document["components"]["schemas"][kind]["description"]);
        // It begins with its name, which stands above it.
        let _ = match about.strip_prefix(&format!("`{name}`: ")) {
            Some(rest) => write!(html, "<p class=\"about\">{}</p>", prose(rest)),
            None => write!(html, "<p>{}</p>", prose(about)),
        };
        if action == "receive" {
            let answer = text(&messages[format!("{key}.answer")]["title"]);
            let _ = write!(html, "<p>{} → {}</p>", link(kind), link(answer));
        } else {
            let _ = write!(html, "<p>{}</p>", link(kind));
        }
        html.push_str("</article>\n");
    }
    html.push_str("</section>\n");
}

/// Where to find each by its name.
fn index<'n>(html: &mut String, id: &str, names: impl Iterator<Item = &'n str>) {
    html.push_str("<p class=\"index\">");
    for name in names {
        let _ = write!(html, "<a href=\"#{id}-{0}\"><code>{0}</code></a> ", escaped(name));
    }
    html.push_str("</p>\n");
}

fn http(html: &mut String, document: &Value) {
    html.push_str(
        "<section aria-labelledby=\"http\"><h2 id=\"http\">HTTP, under <code>/api/v1</code></h2>\n",
    );
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(methods) {
            let _ = write!(
                html,
                "<article><h3><code>{} {}</code></h3><p>{}</p>",
                escaped(&method.to_uppercase()),
                escaped(path),
                prose(text(&operation["summary"]))
            );
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if let Some(kind) = reference(body) {
                let _ = write!(html, "<p>Body: {}</p>", link(kind));
            }
            answers(html, &operation["responses"]);
            html.push_str("</article>\n");
        }
    }
    html.push_str("</section>\n");
}

/// Those that say the same share a line.
fn answers(html: &mut String, responses: &Value) {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (status, response) in object(responses) {
        let kind = response["content"]["application/json"]["schema"].as_object();
        let kind = kind.and_then(|schema| reference_in(schema)).map(link).unwrap_or_default();
        let about = format!("{} {kind}", prose(text(&response["description"])));
        match lines.iter_mut().find(|(known, _)| *known == about) {
            Some((_, statuses)) => statuses.push(status),
            None => lines.push((about, vec![status])),
        }
    }
    html.push_str("<ul>");
    for (about, statuses) in lines {
        let _ = write!(html, "<li><b>{}</b> {about}</li>", escaped(&statuses.join(", ")));
    }
    html.push_str("</ul>");
}

fn types(html: &mut String, asyncapi: &Value, openapi: &Value) {
    html.push_str("<section aria-labelledby=\"types\"><h2 id=\"types\">Types</h2>\n");
    let of = |document: &Value| {
        object(&document["components"]["schemas"]).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
    };
    let mut all: std::collections::BTreeMap<String, Value> = of(openapi).into_iter().collect();
    all.extend(of(asyncapi));
    for (name, schema) in &all {
        let _ = write!(html, "<article id=\"type-{0}\"><h3><code>{0}</code></h3>", escaped(name));
        let _ = write!(html, "<p>{}</p>", prose(text(&schema["description"])));
        fields(html, schema);
        for variant in ["oneOf", "anyOf", "allOf"] {
            for part in schema[variant].as_array().into_iter().flatten() {
                let _ = write!(html, "<p>{} {}</p>", shape(part), prose(text(&part["description"])));
                fields(html, part);
            }
        }
        html.push_str("</article>\n");
    }
    html.push_str("</section>\n");
}

fn fields(html: &mut String, schema: &Value) {
    let mut all = object(&schema["properties"]);
    match (all.next(), all.next()) {
        (None, _) => return,
        // What tells a variant from the others.
        (Some((name, field)), None) if !field["const"].is_null() => {
            let _ = write!(html, "<p><code>{}</code> is {}</p>", escaped(name), shape(field));
            return;
        }
        _ => {}
    }
    html.push_str("<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>");
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().map(text).collect();
    for (name, field) in object(&schema["properties"]) {
        let optional = if required.contains(&name.as_str()) { "" } else { "?" };
        let _ = write!(
            html,
            "<tr><td><code>{}{optional}</code></td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            shape(field),
            prose(text(&field["description"]))
        );
    }
    html.push_str("</tbody></table>");
}

/// What a value looks like, in a few words.
fn shape(schema: &Value) -> String {
    if let Some(kind) = reference(schema) {
        return link(kind);
    }
    if let Some(part) = ["allOf", "anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array()) {
        let parts: Vec<String> = part
            .iter()
            .filter(|part| part["type"] != "null")
            .map(shape)
            .filter(|part| !part.is_empty())
            .collect();
        return parts.join(" or ");
    }
    if !schema["const"].is_null() {
        return format!("<code>{}</code>", escaped(&schema["const"].to_string()));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> =
            values.iter().map(|value| format!("<code>{}</code>", escaped(&value.to_string()))).collect();
        return values.join(", ");
    }
    if schema["type"] == "array" {
        return format!("list of {}", shape(&schema["items"]));
    }
    if schema["additionalProperties"].is_object() {
        return format!("by key: {}", shape(&schema["additionalProperties"]));
    }
    match &schema["type"] {
        Value::String(kind) => escaped(kind),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().map(text).filter(|kind| *kind != "null").collect();
            escaped(&kinds.join(" or "))
        }
        _ => String::new(),
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.as_object().and_then(reference_in)
}

fn reference_in(schema: &serde_json::Map<String, Value>) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

fn link(kind: &str) -> String {
    format!("<a href=\"#type-{0}\"><code>{0}</code></a>", escaped(kind))
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A description, whose code stands between backticks.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escaped(part);
        html.push_str(&if at % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_the_page_has_its_target() {
        let (openapi, asyncapi) = (super::super::openapi_json(), super::super::asyncapi());
        let html = page(&openapi, &asyncapi);
        let mut links = html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        assert!(links.clone().count() > 100);
        assert_eq!(links.find(|link| !html.contains(&format!("id=\"{link}\""))), None);
    }
}
