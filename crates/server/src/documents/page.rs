//! The documents as a page for people: no script, one style sheet.

use serde_json::Value;
use std::fmt::Write;

/// The page's style sheet.
pub(super) const STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn page(openapi: &Value, asyncapi: &Value) -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Plaza: its interfaces</title><link rel=\"stylesheet\" href=\"/docs/page.css\"></head><body>\n\
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
    let messages = &document["components"]["messages"];
    for (name, operation) in object(&document["operations"]) {
        if operation["action"] != action {
            continue;
        }
        let message = &messages[name];
        let _ = write!(html, "<article><h3><code>{}</code></h3>", escaped(text(&message["name"])));
        let kind = text(&message["title"]);
        about(html, document, kind);
        if action == "receive" {
            let answer = text(&messages[format!("{name}.answer")]["title"]);
            let _ = write!(html, "<p>{} → {}</p>", link(kind), link(answer));
        } else {
            let _ = write!(html, "<p>{}</p>", link(kind));
        }
        html.push_str("</article>\n");
    }
    html.push_str("</section>\n");
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
                escaped(text(&operation["summary"]))
            );
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if let Some(kind) = reference(body) {
                let _ = write!(html, "<p>Body: {}</p>", link(kind));
            }
            html.push_str("<ul>");
            for (status, response) in object(&operation["responses"]) {
                let kind = response["content"]["application/json"]["schema"].as_object();
                let kind = kind.and_then(|schema| reference_in(schema)).map(link).unwrap_or_default();
                let about = escaped(text(&response["description"]));
                let _ = write!(html, "<li><b>{}</b> {about} {kind}</li>", escaped(status));
            }
            html.push_str("</ul></article>\n");
        }
    }
    html.push_str("</section>\n");
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
        let _ = write!(html, "<p>{}</p>", escaped(text(&schema["description"])));
        fields(html, schema);
        for variant in ["oneOf", "anyOf", "allOf"] {
            for part in schema[variant].as_array().into_iter().flatten() {
                let _ = write!(html, "<p>{} {}</p>", shape(part), escaped(text(&part["description"])));
                fields(html, part);
            }
        }
        html.push_str("</article>\n");
    }
    html.push_str("</section>\n");
}

fn fields(html: &mut String, schema: &Value) {
    if schema["properties"].is_null() {
        return;
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
            escaped(text(&field["description"]))
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

fn about(html: &mut String, document: &Value, kind: &str) {
    let schema = &document["components"]["schemas"][kind];
    let _ = write!(html, "<p>{}</p>", escaped(text(&schema["description"])));
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
