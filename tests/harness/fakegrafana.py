"""A strict double of Grafana's HTTP API: what a push uses, with the statuses and bodies that Grafana 11 answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
FOLDER_KEYS = {"uid", "title"}
SOURCE_KEYS = {"uid", "name", "type", "access", "url", "isDefault", "jsonData", "secureJsonData"}
SAVE_KEYS = {"dashboard", "folderUid", "overwrite", "message"}  # folderId is deprecated: refused here


class FakeGrafana:
    """The server and what it keeps; `url` has a path, as behind a proxy."""

    def __init__(self, token: str = "glsa_test") -> None:
        self.token = token
        self.folders: dict[str, Body] = {}
        self.sources: dict[str, Body] = {}
        self.secrets: dict[str, Body] = {}
        self.boards: dict[str, Body] = {}
        self.log: list[tuple[str, str]] = []
        self.empty_puts = False  # some proxies and versions answer a PUT with an empty 204
        self.before_save: list[Any] = []  # called once each before a dashboard is saved: somebody else at work
        self.before_folder: list[Any] = []
        self.front: tuple[int, bytes, dict[str, str]] | None = None  # what stands before it answers instead
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.__dict__["grafana"] = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/grafana"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def writes(self) -> list[tuple[str, str]]:
        return [(verb, path) for verb, path in self.log if verb != "GET"]

    def answer(self, verb: str, path: str, body: Body) -> tuple[int, Body | None]:  # noqa: PLR0911 - one a route
        parts = path.strip("/").split("/")
        match (verb, *parts):
            case ("GET", "folders", uid):
                return found(self.folders.get(uid), "folder not found")
            case ("POST", "folders"):
                return self._new_folder(body)
            case ("GET", "datasources", "uid", uid):
                return found(self.sources.get(uid), "Data source not found")
            case ("POST", "datasources"):
                return self._new_source(body)
            case ("PUT", "datasources", "uid", uid):
                return self._change_source(uid, body)
            case (_, "datasources", number) if number.isdigit():
                return 403, {"message": "numeric ids are disabled"}
            case ("GET", "dashboards", "uid", uid):
                return found(self.boards.get(uid), "Dashboard not found")
            case ("POST", "dashboards", "db"):
                return self._save(body)
        return 404, {"message": "Not found"}

    def _new_folder(self, body: Body) -> tuple[int, Body]:
        if self.before_folder:
            self.before_folder.pop()()
        if body.keys() != FOLDER_KEYS:
            return 400, {"message": "bad request data"}
        if body["uid"] in self.folders:
            return 412, {"message": "The folder has been changed by someone else", "status": "version-mismatch"}
        if any(folder["title"] == body["title"] for folder in self.folders.values()):
            return 409, {"message": "a folder with the same name already exists in the current location"}
        self.folders[body["uid"]] = body | {"id": len(self.folders) + 1, "version": 1}
        return 200, self.folders[body["uid"]]

    def _new_source(self, body: Body) -> tuple[int, Body]:
        if not body.keys() <= SOURCE_KEYS:
            return 400, {"message": "bad request data"}
        if any(body["uid"] == uid or body["name"] == s["name"] for uid, s in self.sources.items()):
            return 409, {"message": "data source with the same name already exists"}
        return 200, {"datasource": self._keep(body), "message": "Datasource added"}

    def _change_source(self, uid: str, body: Body) -> tuple[int, Body | None]:
        if uid not in self.sources:
            return 404, {"message": "Data source not found"}
        if self.sources[uid]["readOnly"]:
            return 403, {"message": "Cannot update read-only data source"}
        kept = self._keep(body)
        return (204, None) if self.empty_puts else (200, {"datasource": kept, "message": "Datasource updated"})

    def _keep(self, body: Body) -> Body:
        uid = body["uid"]
        self.secrets.setdefault(uid, {}).update(body.get("secureJsonData", {}))
        shown = {key: value for key, value in body.items() if key != "secureJsonData"}
        fields = dict.fromkeys(self.secrets[uid], True)
        self.sources[uid] = shown | {"id": 7, "readOnly": False, "secureJsonFields": fields, "basicAuth": False}
        return self.sources[uid]

    def _save(self, body: Body) -> tuple[int, Body]:
        if self.before_save:
            self.before_save.pop()()
        if not body.keys() <= SAVE_KEYS or body["dashboard"].get("id") is not None:
            return 400, {"message": "bad request data"}
        board, folder = body["dashboard"], body.get("folderUid", "")
        if folder not in self.folders:
            return 400, {"message": "folder not found"}
        there = self.boards.get(board["uid"])
        if there and there["meta"].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if there and not body["overwrite"] and there["dashboard"]["version"] != board["version"]:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        titles = {(b["meta"]["folderUid"], b["dashboard"]["title"]): uid for uid, b in self.boards.items()}
        if titles.get((folder, board["title"]), board["uid"]) != board["uid"]:
            message = "A dashboard with the same name in the folder already exists"
            return 412, {"message": message, "status": "name-exists"}
        version = there["dashboard"]["version"] + 1 if there else 1
        kept = board | {"id": len(self.boards) + 1, "version": version}
        self.boards[board["uid"]] = {"dashboard": kept, "meta": {"folderUid": folder}}
        return 200, {"uid": board["uid"], "version": version, "status": "success"}


def found(body: Body | None, otherwise: str) -> tuple[int, Body]:
    return (200, body) if body is not None else (404, {"message": otherwise})


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def _any(self) -> None:
        grafana: FakeGrafana = self.server.grafana
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        prefix = "/grafana/api"
        if grafana.front is not None:
            self._send(*grafana.front)
            return
        grafana.log.append((self.command, self.path.removeprefix(prefix)))
        if self.headers.get("Authorization") != f"Bearer {grafana.token}":
            status, told = 401, {"message": "Invalid API key"}
        elif not self.path.startswith(prefix):
            status, told = 404, {"message": "Not found"}
        elif self.command != "GET" and self.headers.get("Content-Type") != "application/json":
            status, told = 400, {"message": "bad request data"}
        else:
            told_body = json.loads(body) if body and self.command != "GET" else {}
            status, told = grafana.answer(self.command, self.path.removeprefix(prefix), told_body)
        self._send(status, b"" if told is None else json.dumps(told).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""
