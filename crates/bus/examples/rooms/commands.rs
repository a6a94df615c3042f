//! What a test asks of this server to do to the sockets of all others: the event `do`, with one object.

use bytes::Bytes;
use plaza_bus::{
    adapter::{ClusterAdapter, Hooks, ServerAnswersError, ServerEvent},
    wire::Content,
};
use plaza_socketio::{Broadcast, BroadcastAckError, Event, Handlers, Namespace, Payload, RemoteSocket};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// To do something to the sockets of some rooms, or to all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Command {
    what: String,
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    event: String,
    #[serde(default)]
    args: Vec<Value>,
    #[serde(default)]
    room: String,
    #[serde(default)]
    close: bool,
    #[serde(default)]
    within_ms: u64,
}

/// Other servers ask `question` and are answered; whatever else they tell is told to the clients here as `told`. The
/// event `reserved` is nobody's to send but this server's.
pub(crate) fn hooks() -> Hooks {
    Hooks::default().reserve(|_, event| event == "reserved").on_server_event(|event| async move {
        let ServerEvent { namespace, name, payload } = event;
        let args: Vec<Value> = payload.args().ok()?;
        if name == "question" {
            return Content::of(&json!({ "plaza": args })).ok();
        }
        let _ = namespace.broadcast().local().emit("told", &(name, args));
        None
    })
}

/// Adds the event `do`.
pub(crate) fn add(handlers: Handlers, adapter: &ClusterAdapter) -> Handlers {
    let adapter = adapter.clone();
    handlers.describe(|socket| json!({ "from": "plaza", "id": socket.id() })).on(
        "do",
        move |socket, event: Event| {
            let adapter = adapter.clone();
            async move {
                let answer = match event.payload.args::<(Command,)>() {
                    Ok((command,)) => run(socket.namespace(), &adapter, &event.payload, command).await,
                    Err(error) => json!({ "error": error.to_string() }),
                };
                if let Some(ack) = event.ack {
                    let _ = ack.send(&[answer]);
                }
            }
        },
    )
}

async fn run(namespace: &Namespace, adapter: &ClusterAdapter, payload: &Payload, command: Command) -> Value {
    let within = Duration::from_millis(command.within_ms);
    let (event, args, attachments) = (command.event.as_str(), &command.args, payload.attachments());
    match command.what.as_str() {
        "emit" => {
            let sent = target(namespace, &command).emit_binary(event, args, attachments);
            json!({ "ok": sent.is_ok() })
        }
        "join" => {
            target(namespace, &command).join(&command.room);
            json!({ "ok": true })
        }
        "leave" => {
            target(namespace, &command).leave(&command.room);
            json!({ "ok": true })
        }
        "disconnect" => {
            target(namespace, &command).disconnect(command.close);
            json!({ "ok": true })
        }
        "fetch" => match target(namespace, &command).fetch_sockets().await {
            Ok(sockets) => {
                json!({ "sockets": sockets.iter().map(RemoteSocket::info).collect::<Vec<_>>() })
            }
            Err(error) => json!({ "error": error.to_string() }),
        },
        "ask" => {
            let asked = target(namespace, &command);
            match asked.emit_binary_with_ack(event, args, attachments, within).await {
                Ok(answers) => json!({ "answers": values(&answers) }),
                Err(BroadcastAckError::Incomplete { answers, missing }) => {
                    json!({ "answers": values(&answers), "missing": missing })
                }
                Err(error) => json!({ "error": error.to_string() }),
            }
        }
        "tell-servers" => {
            let told = adapter.server_side_emit(namespace.name(), event, args);
            json!({ "ok": told.is_ok() })
        }
        "ask-servers" => {
            match adapter.server_side_emit_with_ack(namespace.name(), event, args, within).await {
                Ok(answers) => json!({ "answers": values(&answers) }),
                Err(ServerAnswersError::Incomplete { answers, missing }) => {
                    json!({ "answers": values(&answers), "missing": missing })
                }
                Err(error) => json!({ "error": error.to_string() }),
            }
        }
        "figures" => {
            json!({ "reserved": adapter.figures().reserved, "malformed": adapter.figures().malformed })
        }
        other => json!({ "error": format!("what is {other}?") }),
    }
}

fn target<'a>(namespace: &'a Namespace, command: &Command) -> Broadcast<'a> {
    let all = command.rooms.iter().fold(namespace.broadcast(), |target, room| target.to(room));
    command.except.iter().fold(all, |target, room| target.except(room))
}

/// The first argument of each; of bytes only how many there are.
fn values(answers: &[Payload]) -> Vec<Value> {
    let value = |answer: &Payload| match answer.attachments() {
        [] => {
            answer.args::<Vec<Value>>().ok().and_then(|args| args.into_iter().next()).unwrap_or(Value::Null)
        }
        attachments => json!({ "bytes": attachments.iter().map(Bytes::len).sum::<usize>() }),
    };
    answers.iter().map(value).collect()
}
