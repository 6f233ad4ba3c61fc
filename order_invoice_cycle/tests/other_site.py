import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class OtherSite:
    """A web server of somebody else, which notes what it is asked for.

    It runs on another port of this machine. ``requests`` has (path, headers) of each;
    ``pages`` the HTML to answer with, by path; anything else
    is empty.
    """

    def __init__(self):
        self.requests = []
        self.pages = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        host, port = self._server.server_address
        self.url = f"http://{host}:{port}"

    @contextmanager
    def serve(self):
        """Answer requests for as long as the context lasts."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _make_handler(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                """Note the request and answer it."""
                site.requests.append((self.path, dict(self.headers)))
                body = site.pages.get(self.path, "").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_args):
                """Say nothing: ``requests`` has it."""

        return Handler
