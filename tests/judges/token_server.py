#!/usr/bin/env python3
"""A token server for the judges: docker's token protocol, signed with the openssl program.

usage: token_server.py serve SETTINGS PORT_FILE      until it is ended; its port goes to PORT_FILE
       token_server.py sign SETTINGS [CLAIMS]        prints a token, with these claims (JSON) over the usual

GET with Basic credentials and POST with a form (grant_type password or refresh_token), as in
distribution's spec/auth/token.md and oauth.md. SETTINGS is JSON:

    issuer, service       what the registry is told as well
    key, algorithm        a PEM file; RS256 or ES256 (P-256)
    kid, or x5c           the name of the key, or a PEM file of its certificate, for the header
    users                 name: {"password": ..., "rights": {repository pattern: [actions]}}; the name ""
                          is whoever sends no credentials

Each request that was answered is a line on standard output: method, grant, user, scopes; never a secret.
"""
import base64
import fnmatch
import hmac
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD_FOR_SECONDS = 300
FORM_BYTES_MAX = 64 * 1024
# P-256: each half of a signature (RFC 7518, 3.4).
HALF_BYTES = 32


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def integer(data):
    """A DER INTEGER's value and what follows it."""
    if data[0] != 2:
        raise ValueError("no INTEGER")
    return int.from_bytes(data[2:2 + data[1]], "big"), data[2 + data[1]:]


def signature(settings, message):
    command = ["openssl", "dgst", "-sha256", "-sign", settings["key"]]
    made = subprocess.run(command, input=message, capture_output=True, check=True).stdout
    if settings["algorithm"] != "ES256":
        return made
    # SEQUENCE of two INTEGERs to two halves of fixed length.
    first, rest = integer(made[2:])
    second, _ = integer(rest)
    return first.to_bytes(HALF_BYTES, "big") + second.to_bytes(HALF_BYTES, "big")


def token(settings, claims):
    header = {"typ": "JWT", "alg": settings["algorithm"]}
    if "x5c" in settings:
        with open(settings["x5c"], encoding="ascii") as file:
            lines = [line.strip() for line in file if not line.startswith("-----")]
        header["x5c"] = ["".join(lines)]
    else:
        header["kid"] = settings["kid"]
    now = int(time.time())
    usual = {
        "iss": settings["issuer"], "aud": settings["service"], "sub": "", "access": [],
        "iat": now, "nbf": now, "exp": now + GOOD_FOR_SECONDS, "jti": secrets.token_hex(8),
    }
    message = ".".join(text(json.dumps(part).encode()) for part in (header, usual | claims))
    return f"{message}.{text(signature(settings, message.encode()))}"


def granted(rights, scopes):
    """Of what was asked for that which the rights allow."""
    access = []
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = {action for pattern, actions in rights.items()
                   if fnmatch.fnmatchcase(name, pattern) for action in actions}
        actions = [action for action in actions.split(",") if action in allowed]
        if actions:
            access.append({"type": kind, "name": name, "actions": actions})
    return access


class Handler(BaseHTTPRequestHandler):
    settings = None
    refresh_tokens = {}

    def user_of(self, name, password):
        user = self.settings["users"].get(name)
        right = user is not None and hmac.compare_digest(user["password"].encode(), password.encode())
        return name if right else None

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        field = self.headers.get("Authorization")
        if field is None:
            user = "" if "" in self.settings["users"] else None
        else:
            try:
                scheme, _, rest = field.partition(" ")
                name, _, password = base64.b64decode(rest).decode().partition(":")
            except ValueError:
                scheme = name = password = ""
            user = self.user_of(name, password) if scheme == "Basic" else None
        scopes = [scope for value in query.get("scope", []) for scope in value.split(" ")]
        offline = query.get("offline_token", [""])[0] == "true"
        self.answer("basic", user, query.get("service", [""])[0], scopes, offline and user)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        form = urllib.parse.parse_qs(self.rfile.read(min(length, FORM_BYTES_MAX)).decode())
        one = lambda name: form.get(name, [""])[0]
        user = None
        if one("grant_type") == "password":
            user = self.user_of(one("username"), one("password"))
        elif one("grant_type") == "refresh_token":
            user = self.refresh_tokens.get(one("refresh_token"))
        offline = one("access_type") == "offline"
        self.answer(one("grant_type"), user, one("service"), one("scope").split(), offline)

    def answer(self, grant, user, service, scopes, offline):
        who = "refused" if user is None else repr(user)
        sys.stdout.write(" ".join([self.command, grant, who, *scopes]) + "\n")
        sys.stdout.flush()
        if user is None:
            return self.reply(401, {"details": "incorrect username or password"})
        if service != self.settings["service"]:
            return self.reply(400, {"details": "unknown service"})
        access = granted(self.settings["users"][user].get("rights", {}), scopes)
        made = token(self.settings, {"sub": user, "access": access})
        reply = {"token": made, "access_token": made, "expires_in": GOOD_FOR_SECONDS}
        if offline:
            reply["refresh_token"] = secrets.token_urlsafe(24)
            self.refresh_tokens[reply["refresh_token"]] = user
        return self.reply(200, reply)

    def reply(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main(arguments):
    match arguments:
        case ["serve", path, port_file]:
            with open(path, encoding="utf-8") as file:
                Handler.settings = json.load(file)
            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            with open(f"{port_file}.new", "w", encoding="ascii") as file:
                file.write(str(server.server_port))
            os.rename(f"{port_file}.new", port_file)
            server.serve_forever()
        case ["sign", path, *claims]:
            with open(path, encoding="utf-8") as file:
                print(token(json.load(file), json.loads(claims[0]) if claims else {}))
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
