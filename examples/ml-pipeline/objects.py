"""An object store for trials, where the apps share no disk: PUT, GET and HEAD of files below one folder, over HTTP.

`python objects.py FOLDER [PORT]`. Whoever reaches its port can read and write everything, and models that are read
back are code: let only your own apps reach it (k8s/objects.yaml has a NetworkPolicy).
"""

import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from storage import write_whole

PORT = 8080
OBJECT_BYTES_MAX = 256 * 1024 * 1024


class Objects(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_PUT(self) -> None:
        """Store the body, whole or not at all."""
        path, length = self._path(), self.headers.get("Content-Length", "")
        if path is None or not length.isdecimal() or int(length) > OBJECT_BYTES_MAX:
            self.close_connection = True
            self._answer(HTTPStatus.BAD_REQUEST)
            return
        write_whole(path, self.rfile.read(int(length)))
        self._answer(HTTPStatus.CREATED)

    def do_GET(self) -> None:
        """Return an object."""
        path = self._path()
        if path is None or not path.is_file():
            self._answer(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, path.read_bytes())

    do_HEAD = do_GET

    def _path(self) -> Path | None:
        path = (self.folder / self.path.lstrip("/")).resolve()
        return path if path.is_relative_to(self.folder) and path != self.folder else None

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def serve(folder: Path, port: int = PORT) -> ThreadingHTTPServer:
    """Return a server that listens; port 0 takes any that is free."""
    handler = type("Handler", (Objects,), {"folder": folder.resolve()})
    return ThreadingHTTPServer(("", port), handler)


if __name__ == "__main__":
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with serve(Path(sys.argv[1]), *map(int, sys.argv[2:3])) as server:
        server.serve_forever()
