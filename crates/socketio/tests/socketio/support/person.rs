//! A client that keeps of its socket what the official one does, and comes back with it.

use super::{Client, Server, until};
use plaza_socketio::{Config, Handlers, Recovery, SocketIo, Target};
use serde_json::{Value, json};

/// What the official client keeps of its socket.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) sid: String,
    pub(crate) pid: String,
    pub(crate) offset: Option<String>,
}

/// A client that keeps what the official one does.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) kept: Kept,
}

impl Person {
    pub(crate) async fn join(server: &Server, auth: Value) -> Self {
        let mut client = Client::open(server).await;
        client.send(&format!("40{auth}")).await;
        let answer = client.text().await;
        let answer: Value =
            serde_json::from_str(answer.strip_prefix("40").unwrap_or_else(|| panic!("{answer}"))).unwrap();
        let text = |key: &str| answer[key].as_str().unwrap().to_owned();
        Self { client, kept: Kept { sid: text("sid"), pid: text("pid"), offset: None } }
    }

    /// The connection breaks off.
    pub(crate) async fn lost(self, server: &Server) -> Kept {
        let Self { client, kept } = self;
        drop(client);
        let target = Target { rooms: vec![kept.sid.as_str().into()], except: vec![] };
        until("the server to know", || server.root().sockets(&target).is_empty()).await;
        kept
    }

    /// The next event's name and arguments without its offset, which is kept.
    pub(crate) async fn event(&mut self) -> Value {
        let text = self.client.text().await;
        let mut event: Value =
            serde_json::from_str(text.strip_prefix("42").unwrap_or_else(|| panic!("{text}"))).unwrap();
        if let Some(Value::String(offset)) = event.as_array_mut().unwrap().pop() {
            self.kept.offset = Some(offset);
        }
        event
    }

    pub(crate) async fn events(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.event().await);
        }
        events
    }

    /// Nothing but this comes next.
    pub(crate) async fn nothing_more(&mut self, server: &Server) {
        server.root().to(&self.kept.sid).emit("that is all", &[(); 0]).unwrap();
        assert_eq!(self.event().await, json!(["that is all"]));
    }
}

impl Kept {
    pub(crate) fn auth(&self, more: &Value) -> Value {
        let mut auth = json!({ "pid": self.pid, "offset": self.offset });
        auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        auth
    }

    /// Comes back; whether it is recovered shows in the ids.
    pub(crate) async fn back(&self, server: &Server) -> Person {
        let mut person = Person::join(server, self.auth(&json!({}))).await;
        person.kept.offset.clone_from(&self.offset);
        person
    }

    pub(crate) fn is_recovered_as(&self, other: &Person) -> bool {
        (self.pid == other.kept.pid) && (self.sid == other.kept.sid)
    }
}

/// As it is, but with recovery.
pub(crate) fn config(recovery: Recovery) -> Config {
    Config { recovery: Some(recovery), ..Config::default() }
}

/// A server with recovery, and one namespace.
pub(crate) fn recovering(recovery: Recovery, handlers: Handlers) -> Server {
    Server::start(SocketIo::builder(config(recovery)).namespace("/", handlers).build())
}

/// A server with recovery that does nothing else.
pub(crate) fn plain() -> Server {
    recovering(Recovery::default(), Handlers::default())
}
