use super::*;
use crate::{EVENTS, REQUESTS};
use serde_json::{Value, json};

/// For each kind what is one, and what is none with the field that is wrong. The page's tests read it too.
fn fixture() -> Value {
    serde_json::from_str(include_str!("../../fixtures/kinds.json")).unwrap()
}

#[test]
fn every_kind_is_in_the_fixture_and_in_every_table() {
    let fixture = fixture();
    let named: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    let mut in_fixture: Vec<&String> = fixture.as_object().unwrap().keys().collect();
    in_fixture.sort_by_key(|name| named.iter().position(|other| other == name));
    assert_eq!(in_fixture, named, "crates/protocol/fixtures/kinds.json");
    for kind in Kind::ALL {
        let event = kind.event();
        assert_eq!(
            (event, Kind::named(kind.as_str())),
            (&*format!("message:{}", kind.as_str()), Some(*kind))
        );
        assert!(REQUESTS.iter().any(|request| request.event == event), "{event} is not in requests!");
        assert!(EVENTS.iter().any(|told| told.event == event), "{event} is not in events!");
        let protocol = include_str!("../../../../docs/protocol.md");
        assert!(
            protocol.contains(&format!("\n| `{}` | ", kind.as_str())),
            "docs/protocol.md has no row for {event}"
        );
    }
}

#[test]
fn what_is_of_a_kind_is_taken_and_given_back() {
    for kind in Kind::ALL {
        for body in fixture()[kind.as_str()]["good"].as_array().unwrap() {
            let message = json!({"roomId": "r", "clientId": "c", "kind": kind.as_str(), "body": body});
            let request: SendMessage = serde_json::from_value(message.clone()).unwrap();
            assert_eq!(request.content.check(), Ok(()), "{body}");
            assert_eq!(request.content.kind(), *kind);
            assert_eq!(serde_json::to_value(&request).unwrap(), message);
            let stored = request.content.body_json().unwrap();
            assert_eq!(Content::from_json(*kind, &stored).unwrap(), request.content, "{stored}");
            let content = json!({"kind": kind.as_str(), "body": body});
            assert_eq!(
                Content::from(serde_json::from_value::<NewContent>(content).unwrap()),
                request.content
            );
        }
    }
}

#[test]
fn what_breaks_a_bound_is_refused_by_the_fields_name() {
    for kind in Kind::ALL {
        for bad in fixture()[kind.as_str()]["bad"].as_array().unwrap() {
            let message = json!({"roomId": "r", "clientId": "c", "kind": kind.as_str(), "body": bad["body"]});
            let Ok(request) = serde_json::from_value::<SendMessage>(message) else { continue };
            let refused = request.content.check().unwrap_err();
            assert_eq!(refused.field, bad["field"].as_str().unwrap(), "{bad}");
        }
    }
}

#[test]
fn a_flat_message_has_its_address_and_its_fields_and_nothing_else() {
    let image = json!({"roomId": "r", "clientId": "c", "imageUrl": "https://a/b", "width": 7});
    let request: SendImage = serde_json::from_value(image.clone()).unwrap();
    assert_eq!(serde_json::to_value(&request).unwrap(), image);
    let unnamed: SendImage =
        serde_json::from_value(json!({"roomId": "r", "imageUrl": "https://a/b"})).unwrap();
    assert_eq!(unnamed.client_id, None);
    let refused = |object: Value| serde_json::from_value::<SendImage>(object).unwrap_err().to_string();
    assert_eq!(refused(json!({"imageUrl": "https://a/b"})), "missing field `roomId`");
    assert!(refused(json!({"roomId": "r", "imageUrl": "https://a/b", "x": 1})).contains("unknown field `x`"));
    assert!(refused(json!({"roomId": "r", "imageUrl": "ftp://a/b"})).contains("https://"));
    assert!(refused(json!({"roomId": "a b", "imageUrl": "https://a/b"})).contains("A room's id"));
}

#[test]
fn fractions_are_the_same_when_they_are_read_again() {
    for step in -1_800_000..1_800_000 {
        let degrees = f64::from(step) / 1e4 + 0.000_037_7;
        let Ok(one) = Longitude::try_from(degrees) else { continue };
        let again: Longitude = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(one, again);
    }
    for bad in [f64::NAN, f64::INFINITY, 90.000_001, -91.0] {
        assert!(Latitude::try_from(bad).is_err(), "{bad}");
    }
}
