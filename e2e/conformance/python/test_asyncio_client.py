"""python-socketio's asyncio client against the echo server: polling only, WebSocket only, upgrading."""

import asyncio
import unittest

import socketio
from echo_server import MODES, EchoServer

SOON_S = 10


class Client:
    """A client whose events land in queues, so that a test can wait for them with a deadline."""

    def __init__(self, namespace="/"):
        self.namespace = namespace
        self.io = socketio.AsyncClient(reconnection=False)
        self.events = {name: asyncio.Queue() for name in ("auth", "message-back", "disconnect")}
        for name, events in self.events.items():
            self.io.on(name, self._keep(events), namespace=namespace)

    @staticmethod
    def _keep(events):
        async def keep(*args):
            events.put_nowait(args)

        return keep

    async def connect(self, server, transports, auth=None):
        await self.io.connect(
            server.url, transports=transports, namespaces=[self.namespace], auth=auth, wait_timeout=SOON_S
        )
        return await self.next("auth")

    async def next(self, event):
        return await asyncio.wait_for(self.events[event].get(), SOON_S)

    async def emit(self, *args):
        await self.io.emit("message", args, namespace=self.namespace)

    async def call(self, *args):
        return await self.io.call("message-with-ack", args, namespace=self.namespace, timeout=SOON_S)


class AsyncioClient(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.server = EchoServer().start()
        self.addCleanup(self.server.kill)

    def client(self, *args):
        client = Client(*args)
        self.addAsyncCleanup(client.io.disconnect)
        return client

    async def test_connects_and_gets_events_back_in_both_namespaces(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                for namespace in ("/", "/custom"):
                    client = self.client(namespace)
                    auth = {"token": "é"}
                    self.assertEqual(await client.connect(self.server, transports, auth), (auth,))
                    for args in (("hello",), (1, {"2": [b"three", None]}), (b"\x00\xff",), ()):
                        await client.emit(*args)
                        self.assertEqual(await client.next("message-back"), args)
                    self.assertEqual(await client.call("a", {"b": b"c"}), ("a", {"b": b"c"}))
                    await client.io.disconnect()
                    self.assertEqual(await client.next("disconnect"), ("client disconnect",))

    async def test_is_refused_in_an_unknown_namespace(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                with self.assertRaises(socketio.exceptions.ConnectionError):
                    await self.client("/unknown").connect(self.server, transports)

    async def test_pipelines_calls(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client()
                await client.connect(self.server, transports)
                answers = await asyncio.gather(*(client.call(n) for n in range(100)))
                self.assertEqual(answers, list(range(100)))

    async def test_many_clients_at_once(self):
        async def one(transports, number):
            client = self.client("/custom" if number % 2 else "/")
            await client.connect(self.server, transports, {"number": number})
            for n in range(10):
                await client.emit(number, n)
            for n in range(10):
                self.assertEqual(await client.next("message-back"), (number, n))
            await client.io.disconnect()

        for name, transports in MODES.items():
            with self.subTest(name):
                await asyncio.gather(*(one(transports, number) for number in range(20)))

    async def test_hears_that_the_server_has_gone(self):
        for name, transports in MODES.items():
            with self.subTest(name):
                client = self.client()
                await client.connect(self.server, transports)
                self.server.kill()
                await client.next("disconnect")
                await asyncio.to_thread(self.server.start)


if __name__ == "__main__":
    unittest.main()
