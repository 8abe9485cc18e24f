"""A strict double of Grafana's HTTP API: what a push uses, statuses and bodies as read in Grafana's source, not run.

pkg/api/{folder,datasources,dashboard}.go, pkg/api/apierrors, pkg/services/dashboards/errors.go. Names of folders and
dashboards are unique until 11.2 and free from 11.3 on (Grafana's pull request 90687).
"""

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
        self.unique_names = False  # True: as Grafana until 11.2
        self.role = "Admin"  # that of the token: an Editor makes folders, but reads no data source
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
        if self.role != "Admin" and (parts[0] == "datasources" or (self.role, verb) == ("Viewer", "POST")):
            return 403, {
                "message": "You'll need additional permissions to perform this action.",
                "title": "Access denied",
            }
        match (verb, *parts):
            case ("GET", "folders", uid):
                return found(self.folders.get(uid), "folder not found", status="not-found")
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
            return 412, {"message": "the folder has been changed by someone else", "status": "version-mismatch"}
        if self.unique_names and any(folder["title"] == body["title"] for folder in self.folders.values()):
            return 409, {"message": "a folder with the same name already exists in the current location"}
        self.folders[body["uid"]] = body | {"id": len(self.folders) + 1, "version": 1}
        return 200, self.folders[body["uid"]]

    def _new_source(self, body: Body) -> tuple[int, Body]:
        if not body.keys() <= SOURCE_KEYS:
            return 400, {"message": "bad request data"}
        for word, taken in (("uid", body["uid"] in self.sources), ("name", self._named(body))):
            if taken:
                return 409, {"message": f"data source with the same {word} already exists"}
        return 200, self._told(body, "Datasource added")

    def _named(self, body: Body) -> bool:
        return any(body["name"] == there["name"] for uid, there in self.sources.items() if uid != body["uid"])

    def _told(self, body: Body, message: str) -> Body:
        kept = self._keep(body)
        return {"id": kept["id"], "name": kept["name"], "datasource": kept, "message": message}

    def _change_source(self, uid: str, body: Body) -> tuple[int, Body | None]:
        if uid not in self.sources:
            return 404, {"message": "Data source not found"}
        if self.sources[uid]["readOnly"]:
            return 403, {"message": "Cannot update read-only data source"}
        if self._named(body):
            return 409, {"message": "Failed to update datasource: data source with the same name already exists"}
        told = self._told(body, "Datasource updated")
        return (204, None) if self.empty_puts else (200, told)

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
        if self.unique_names and titles.get((folder, board["title"]), board["uid"]) != board["uid"]:
            message = "A dashboard with the same name in the folder already exists"
            return 412, {"message": message, "status": "name-exists"}
        version = there["dashboard"]["version"] + 1 if there else 1
        kept = board | {"id": len(self.boards) + 1, "version": version}
        self.boards[board["uid"]] = {"dashboard": kept, "meta": {"folderUid": folder}}
        where = {"slug": board["uid"], "url": f"/d/{board['uid']}/{board['uid']}", "folderUid": folder}
        return 200, {"status": "success", "id": kept["id"], "uid": board["uid"], "version": version} | where


def found(body: Body | None, otherwise: str, **more: str) -> tuple[int, Body]:
    return (200, body) if body is not None else (404, {"message": otherwise} | more)


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
            status, told = 401, {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401}
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
