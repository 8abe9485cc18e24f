"""Debian's InfluxDB 1 behind the smallest possible front that speaks the v2 write path."""

import http.client
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.harness.ports import free_port, wait_for

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
"""


@contextmanager
def influx1(folder: Path) -> Iterator[str]:
    """Run the server for the length of a block; gives the URL of its front, with the database "readings" made."""
    port = free_port()
    config = folder / "influxdb.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, rpc=free_port()))
    command = [str(shutil.which("influxd")), "-config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    front = ThreadingHTTPServer(("127.0.0.1", 0), _Front)
    front.__dict__["port"] = port
    thread = threading.Thread(target=front.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        wait_for(port, process)
        _ask(port, "/query", urlencode({"q": "CREATE DATABASE readings"}).encode(), {})
        yield f"http://127.0.0.1:{front.server_address[1]}"
    finally:
        front.shutdown()
        thread.join()
        front.server_close()
        process.terminate()
        process.wait(120)


def _ask(port: int, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class _Front(BaseHTTPRequestHandler):
    """/api/v2/write -> /write, all else as it is."""

    server: Any

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path, headers = self.path, {}
        if parts.path == "/api/v2/write":
            path = "/write?" + urlencode({"db": query["bucket"][0], "precision": query["precision"][0]})
            headers = {"Content-Encoding": self.headers["Content-Encoding"]}
        status, answer = _ask(self.server.port, path, body, headers)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""
