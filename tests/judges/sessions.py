"""One step of an upload that wanders between registries: sessions.py HOST SECRET STATE FILE END [DIGEST].

STATE is a file that remembers the session and how far it is; the bytes of FILE up to END are sent next, by PATCH, or by PUT
where a DIGEST is given. Distribution takes only a location that it signed itself, so one is made with its SECRET."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import sys

host, secret, path, file, end, *digest = sys.argv[1:]
end = int(end)
connection = http.client.HTTPConnection(host, timeout=120)


def call(method, target, body=b"", headers={}):
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (201, 202, 204):
        sys.exit(f"{method} {target}: {answer.status} {text[:300]}")
    return answer


def signed(state):
    """The location of a session, for either registry: ours does not look at it."""
    words = {"Name": "a", "UUID": state["id"], "Offset": state["offset"], "StartedAt": state["started"]}
    text = json.dumps(words, separators=(",", ":")).encode()
    mac = hmac.new(secret.encode(), text, hashlib.sha256).digest()
    token = base64.urlsafe_b64encode(mac + text).decode()
    return f"/v2/a/blobs/uploads/{state['id']}?_state={token}"


if os.path.exists(path):
    state = json.load(open(path))
else:
    answer = call("POST", "/v2/a/blobs/uploads/", headers={"Content-Length": "0"})
    state = {"id": answer.getheader("Docker-Upload-UUID"), "offset": 0, "started": "2026-01-01T00:00:00Z"}

with open(file, "rb") as content:
    content.seek(state["offset"])
    chunk = content.read(end - state["offset"])
headers = {"Content-Type": "application/octet-stream"}
if digest:
    call("PUT", f"{signed(state)}&digest={digest[0]}", chunk, headers)
else:
    headers["Content-Range"] = f"{state['offset']}-{end - 1}"
    answer = call("PATCH", signed(state), chunk, headers)
    state["offset"] = end
    if answer.getheader("Range") != f"0-{end - 1}":
        sys.exit(f"the session is at {answer.getheader('Range')}, where {end} bytes were sent")
    json.dump(state, open(path, "w"))
