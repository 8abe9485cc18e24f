"""How a message leaves: e-mail, MQTT and chat robots by apprise, a webhook by our own client that trusts no name."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from analytics.alert_words import clean
from analytics.webhook import Webhook
from metering.alerting import ReceiverSection

# Chat robots answer 200 and say in the body that they took nothing; apprise looks at the status alone.
ROBOTS = {"dingtalk": ("dingtalk", "errcode"), "wecom": ("wecombot", "errcode"), "feishu": ("feishu", "code")}
NEEDS_SECRET = frozenset({*ROBOTS, "slack", "teams"})
MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class Mail:
    """One message: a single event, or a digest of several, with the keys it tells of."""

    id: str  # the same when it is sent again
    key: str
    happening: str
    title: str
    text: str
    keys: tuple[str, ...]
    made_ms: int


Send = Callable[[ReceiverSection, Mail], str]  # empty = delivered, else why not


def secret_of(receiver: ReceiverSection, environ: Mapping[str, str]) -> str:
    """A receiver's secret out of its environment variable, or of the file that NAME_FILE names."""
    named = environ.get(f"{receiver.secret_name}_FILE")
    found = Path(named).read_text(encoding="utf-8") if named else environ.get(receiver.secret_name, "")
    return found.strip()


def send(receiver: ReceiverSection, mail: Mail) -> str:
    """Send one message now; empty when it was taken, else why not, without any secret in it."""
    try:
        secret = secret_of(receiver, os.environ)
    except OSError as error:
        return f"{receiver.secret_name}_FILE: {error.strerror}"
    if receiver.channel in NEEDS_SECRET and not secret:
        return f"no secret: put it into {receiver.secret_name}, or its file's name into {receiver.secret_name}_FILE"
    if receiver.channel == "webhook":
        hook = Webhook(receiver.host or "", receiver.port, receiver.path, receiver.networks)
        return post(hook, mail, secret)
    return by_apprise(receiver, mail, secret)


def post(hook: Webhook, mail: Mail, secret: str) -> str:
    """The message as JSON; a receiver that keeps the Idempotency-Key takes a repeat for what it is."""
    headers = {"Idempotency-Key": mail.id, **({"Authorization": f"Bearer {secret}"} if secret else {})}
    return hook.post(json.dumps({"version": 1, **asdict(mail)}, ensure_ascii=False).encode(), headers)


def by_apprise(receiver: ReceiverSection, mail: Mail, secret: str) -> str:
    """Through one of apprise's services; redirects are not followed."""
    import apprise

    asset = apprise.AppriseAsset(app_id="zcf", app_desc="zcf", app_url="", http_redirects=False, async_mode=False)
    service = apprise.Apprise.instantiate(address(receiver, secret), asset=asset, suppress_exceptions=True)
    if service is None:
        return f"{receiver.channel}: the secret or an address cannot be read"
    text = "\n".join(clean(line) for line in mail.text.splitlines()[:MOST_LINES])
    body = f"{text}\n[{mail.key}]"
    with _replies(receiver.channel) as replies:
        taken = service.notify(body=body, title=clean(mail.title), body_format=apprise.NotifyFormat.TEXT)
    refused = next((why for why in replies if why), "")
    return refused or ("" if taken else f"{receiver.channel} did not take it")


def address(receiver: ReceiverSection, secret: str) -> str:
    """The apprise address of a receiver; every part is quoted, so that none can become another."""
    host = f"[{receiver.host}]" if receiver.host and ":" in receiver.host else receiver.host or ""
    port = f":{receiver.port}" if receiver.port else ""
    parts = [quote(part, safe="") for part in secret.split()]
    login = f"{quote(receiver.user, safe='')}:{quote(secret, safe='')}@" if receiver.user else ""
    match receiver.channel:
        case "email":
            query = {"from": receiver.sender or "", "to": ",".join(receiver.to), "format": "text"}
            mode = {"mode": "starttls"} if receiver.tls and receiver.port != 465 else {}
            return f"mailto{'s' if receiver.tls else ''}://{login}{host}{port}/?{urlencode(query | mode)}"
        case "mqtt":
            return f"mqtt{'s' if receiver.tls else ''}://{login}{host}{port}/{quote(receiver.topic)}?qos=1"
        case "dingtalk":
            token = f"{parts[1]}@{parts[0]}" if len(parts) > 1 else parts[0]
            return f"dingtalk://{token}/{'/'.join(quote(one, safe='') for one in receiver.to)}"
        case "wecom":
            return f"wecombot://{parts[0]}"
        case "feishu":
            return f"feishu://{parts[0]}"
        case "slack":
            return "slack://" + "/".join(quote(part, safe="") for part in secret.strip("/").split("/"))
    query = {
        "image": "no",
        "pa": "yes" if "platform." in host.lower() else "no",
    }  # the addresses of 2025, Power Automate
    return f"workflows://{host}/{'/'.join(parts)}/?{urlencode(query)}"


class _Watched:
    """The requests module as a plugin sees it, with the replies noted."""

    def __init__(self, module: Any, field: str, replies: list[str]) -> None:
        self._module, self._field, self._replies = module, field, replies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def post(self, *words: Any, **more: Any) -> Any:
        sign = (more.get("params") or {}).get("sign")
        if sign:  # apprise 2.2 quotes it and requests quotes it again; the robot undoes it once
            more["params"] = {**more["params"], "sign": unquote(sign)}
        answer = self._module.post(*words, **more)
        self._replies.append(_refusal(answer, self._field))
        return answer


def _refusal(answer: Any, field: str) -> str:
    """Why a robot took nothing; empty when it did, or when the status tells already."""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        code = answer.json().get(field, 0)
        return f"the robot refused it with code {int(code)}" if int(code) else ""
    return ""


@contextlib.contextmanager
def _replies(channel: str) -> Iterator[list[str]]:
    replies: list[str] = []
    if channel not in ROBOTS:
        yield replies
        return
    import importlib

    name, field = ROBOTS[channel]
    plugin: Any = importlib.import_module(f"apprise.plugins.{name}")
    before = plugin.requests
    plugin.requests = _Watched(before, field, replies)
    try:
        yield replies
    finally:
        plugin.requests = before
