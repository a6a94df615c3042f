"""python-socketio's blocking client against the echo server: polling only, WebSocket only, upgrading."""

import queue
import time
import unittest

import socketio
from echo_server import MODES, EchoServer

SOON_S = 10

ARGUMENTS = {
    "none": (),
    "text": ("hello",),
    "several kinds": (1, "2", True, None, -1.5, {"3": [False]}),
    "nested": ({"a": {"b": [{"c": [[[]]]}, {}]}}, []),
    "unicode": ("utf8 — string", {"日本語": "👩‍👩‍👧‍👦 💬"}),
    "binary": (b"\x00\x01\xfe\xff",),
    "binary inside": ({"file": {"name": "a", "parts": [b"one", b""]}}, "and", b"two"),
    "much binary": (bytes(range(256)) * 500,),
}


class Client:
    """A client whose events land in queues, so that a test can wait for them with a deadline."""

    def __init__(self, namespace="/", **options):
        self.namespace = namespace
        self.io = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.1, **options)
        self.events = {name: queue.Queue() for name in ("auth", "message-back", "disconnect")}
        for name, events in self.events.items():
            self.io.on(name, lambda *args, events=events: events.put(args), namespace=namespace)

    def connect(self, server, transports, auth=None):
        self.io.connect(
            server.url, transports=transports, namespaces=[self.namespace], auth=auth, wait_timeout=SOON_S
        )
        return self.next("auth")

    def next(self, event):
        return self.events[event].get(timeout=SOON_S)

    def emit(self, *args):
        self.io.emit("message", args, namespace=self.namespace)

    def call(self, *args):
        return self.io.call("message-with-ack", args, namespace=self.namespace, timeout=SOON_S)


class BlockingClient(unittest.TestCase):
    def setUp(self):
        self.server = EchoServer().start()
        self.addCleanup(self.server.kill)

    def client(self, *args, **options):
        client = Client(*args, **options)
        self.addCleanup(client.io.disconnect)
        return client

    def test_connects_with_its_payload_in_both_namespaces(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                for namespace in ("/", "/custom"):
                    for auth in (None, {"token": "123", "list": [1, "é"]}):
                        client = self.client(namespace)
                        self.assertEqual(client.connect(self.server, transports, auth), (auth or {},))
                        self.assertEqual(len(client.io.get_sid(namespace)), 20)
                        self.assertEqual(client.io.transport(), transports[-1])
                        client.io.disconnect()

    def test_is_refused_in_an_unknown_namespace(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client("/unknown", reconnection=False)
                with self.assertRaises(socketio.exceptions.ConnectionError):
                    client.connect(self.server, transports)

    def test_gets_events_back_unchanged(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client("/custom")
                client.connect(self.server, transports)
                for what, args in ARGUMENTS.items():
                    client.emit(*args)
                    self.assertEqual(client.next("message-back"), args, what)

    def test_gets_acknowledgements_with_the_same_arguments(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client()
                client.connect(self.server, transports)
                for what, args in ARGUMENTS.items():
                    # One argument comes back bare, none as None: python-socketio's way.
                    expected = args if len(args) > 1 else (args[0] if args else None)
                    self.assertEqual(client.call(*args), expected, what)

    def test_gets_many_messages_back_in_order(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client()
                client.connect(self.server, transports)
                sent = [bytes([n % 256]) if n % 7 == 0 else n for n in range(300)]
                for value in sent:
                    client.emit(value)
                self.assertEqual([client.next("message-back")[0] for _ in sent], sent)

    def test_stays_connected_over_several_heartbeats_and_leaves_when_it_wants(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client()
                client.connect(self.server, transports)
                with self.assertRaises(queue.Empty):
                    client.events["disconnect"].get(timeout=1.5)
                self.assertEqual(client.call("alive"), "alive")
                client.io.disconnect()
                self.assertEqual(client.next("disconnect"), ("client disconnect",))

    def test_comes_back_after_the_server_was_killed(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client()
                client.connect(self.server, transports, {"token": "mine"})
                self.server.kill()
                client.next("disconnect")
                self.server.start()
                self.assertEqual(client.next("auth"), ({"token": "mine"},))
                deadline = time.monotonic() + SOON_S
                while "/" not in client.io.namespaces and time.monotonic() < deadline:
                    time.sleep(0.01)
                self.assertEqual(client.call("back"), "back")
                client.io.disconnect()


if __name__ == "__main__":
    unittest.main()
