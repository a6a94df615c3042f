"""The echo server under test as a process of its own, for the Python half of the suite.

Which server it is comes from PLAZA_ECHO: a path to the built example, or `reference` for Node's own.
"""

import os
import socket
import subprocess
import time
from pathlib import Path

import engineio.payload

REFERENCE = Path(__file__).resolve().parent.parent / "reference.mjs"
START_DEADLINE_S = 20

# By default the client gives up on a poll that brings more than 16 packets; Node's server, and Plaza's, send what they
# have. Its documentation tells those who poll to raise the limit so.
engineio.payload.Payload.max_decode_packets = 1000

# The three ways a client reaches the server.
MODES = {
    "polling only": ["polling"],
    "WebSocket only": ["websocket"],
    "upgrading": ["polling", "websocket"],
}


class EchoServer:
    """A server on a free port of its own; `start` may be called again after `kill`."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        echo = os.environ["PLAZA_ECHO"]
        command = ["node", str(REFERENCE)] if echo == "reference" else [echo]
        # Twenty clients in one thread of Python's do not answer within 200 ms while the machine is busy with other things.
        command += [str(self.port), "--patient"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_DEADLINE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the echo server ended: {self.process.returncode}") from None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()
