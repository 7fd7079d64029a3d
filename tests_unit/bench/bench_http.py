"""An HTTP server for as long as a test needs it."""

import contextlib
import threading
from http.server import HTTPServer


@contextlib.contextmanager
def served(handler):
    """A server on a free port of the loopback, gone at the end however the test came out."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
