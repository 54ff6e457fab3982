"""The registries that are measured, and nginx: where each program is found, and how it is started with equal settings.

Equal means: data in a folder of its own on one disk, no access log, and writes durable where the registry can do that at all.
Every server runs by itself on a free port of loopback and is ended by its process id.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
JUDGES_HOME = pathlib.Path(os.environ.get("JUDGES_HOME", pathlib.Path.home() / ".cache/registry-judges"))
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
USER, PASSWORD = "bench", "correct horse"
TICKS = os.sysconf("SC_CLK_TCK")
# What a program may find of this machine.
ENVIRONMENT = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"}


class Missing(Exception):
    """A program that this machine does not have; the text says what would bring it."""


def find(variable, *places):
    """The path of a program: from an environment variable, else the first of these that is there."""
    named = os.environ.get(variable)
    for place in [named] if named else places:
        path = shutil.which(str(place))
        if path:
            return path
    raise Missing(f"not on this machine (set {variable} to its path)")


def said(*command):
    """The first number with dots that a program says of itself."""
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    found = re.search(r"v?(\d+\.\d+[.\w-]*)", done.stdout + done.stderr)
    return found.group(1) if found else "unknown"


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """One server; what is particular to a kind is in the classes below."""

    name = ""
    is_registry = True
    # Whether what it has acknowledged was synced to the disk.
    is_durable = True
    note = ""

    def __init__(self):
        self.program = self.locate()
        self.version = self.tell_version()

    def locate(self):
        raise NotImplementedError

    def tell_version(self):
        return said(self.program, "--version")

    def command(self, folder, port, variant, certificate):
        """The command line; files that it needs are written to the folder. `variant` is plain, users or tls."""
        raise NotImplementedError

    def start(self, folder, variant="plain", certificate=None):
        """Starts it on that folder and waits for its first answer."""
        if variant not in self.variants():
            raise Missing(f"cannot be had with {variant}")
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        command = self.command(folder, port, variant, certificate)
        return Running(self, command, folder, port, variant)

    def variants(self):
        return {"plain", "tls"}


class Ours(Server):
    name = "registry"

    def locate(self):
        return find("REGISTRY_PROGRAM", TARGET / "release/registry")

    def variants(self):
        return {"plain", "users", "tls"}

    def command(self, folder, port, variant, certificate):
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
            "http": {"addr": f"127.0.0.1:{port}"},
        }
        if variant == "tls":
            config["http"]["tls"] = {"certificate": str(certificate[0]), "key": str(certificate[1])}
        if variant == "users":
            users = folder / "users"
            command = [self.program, "htpasswd", "--file", str(users), "--cost", "10", USER]
            subprocess.run(command, input=PASSWORD + "\n", text=True, check=True, env=ENVIRONMENT)
            config["auth"] = {"htpasswd": {"realm": "bench", "path": str(users)}}
            config["access"] = {
                "rules": [
                    {"repositories": ["other/**"], "users": ["*"], "actions": ["pull"]},
                    {"repositories": ["bench/**"], "users": [USER], "actions": ["pull", "push", "delete"]},
                ]
            }
        path = folder / "config.yml"
        # JSON is YAML.
        path.write_text(json.dumps(config))
        return [self.program, "serve", str(path)]


class Distribution(Server):
    name = "distribution"

    def locate(self):
        return find("DISTRIBUTION_PROGRAM", JUDGES_HOME / "distribution-3/registry")

    def tell_version(self):
        return built_from(self.program, "DISTRIBUTION_VERSION")

    def command(self, folder, port, variant, certificate):
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
            "http": {"addr": f"127.0.0.1:{port}"},
        }
        if variant == "tls":
            config["http"]["tls"] = {"certificate": str(certificate[0]), "key": str(certificate[1])}
        path = folder / "config.yml"
        path.write_text(json.dumps(config))
        return [self.program, "serve", str(path)]


class Olareg(Server):
    name = "olareg"
    is_durable = False
    note = "syncs nothing"

    def locate(self):
        return find("OLAREG_PROGRAM", JUDGES_HOME / "bin/olareg", "olareg")

    def tell_version(self):
        return built_from(self.program, "OLAREG_VERSION")

    def command(self, folder, port, variant, certificate):
        command = [self.program, "serve", "--dir", str(folder / "data"), "--addr", "127.0.0.1", "--port", str(port)]
        (folder / "data").mkdir(exist_ok=True)
        if variant == "tls":
            command += ["--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1])]
        return command


class Zot(Server):
    name = "zot"
    note = "minimal build, `commit: true`: syncs data, not folders"

    def locate(self):
        return find("ZOT_PROGRAM", JUDGES_HOME / "bin/zot", "zot")

    def tell_version(self):
        return built_from(self.program, "ZOT_VERSION")

    def command(self, folder, port, variant, certificate):
        config = {
            "distSpecVersion": "1.1.1",
            "storage": {"rootDirectory": str(folder / "data"), "commit": True},
            "http": {"address": "127.0.0.1", "port": str(port)},
            "log": {"level": "error"},
        }
        if variant == "tls":
            config["http"]["tls"] = {"cert": str(certificate[0]), "key": str(certificate[1])}
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        return [self.program, "serve", str(path)]


class Angos(Server):
    name = "angos"
    note = "`sync_to_disk = true`"

    def locate(self):
        return find("ANGOS_PROGRAM", JUDGES_HOME / "bin/angos", "angos")

    def tell_version(self):
        return os.environ.get("ANGOS_VERSION") or said(self.program, "--version")

    def command(self, folder, port, variant, certificate):
        tls = ""
        if variant == "tls":
            tls = f'[server.tls]\nserver_certificate_bundle = "{certificate[0]}"\nserver_private_key = "{certificate[1]}"\n'
        path = folder / "config.toml"
        path.write_text(
            f'[server]\nbind_address = "127.0.0.1"\nport = {port}\n{tls}'
            '[global]\nmax_concurrent_requests = 64\n[global.access_policy]\ndefault = "allow"\n'
            f'[blob_store.fs]\nroot_dir = "{folder}/data"\nsync_to_disk = true\n'
            f'[metadata_store.fs]\nroot_dir = "{folder}/data"\nsync_to_disk = true\n'
        )
        return [self.program, "-c", str(path), "server"]


class Nginx(Server):
    name = "nginx"
    is_registry = False
    note = "a file server: the same bytes by sendfile"

    def locate(self):
        return find("NGINX_PROGRAM", "nginx", "/usr/sbin/nginx")

    def tell_version(self):
        return said(self.program, "-v")

    def command(self, folder, port, variant, certificate):
        scratch = folder / "nginx"
        scratch.mkdir(exist_ok=True)
        (folder / "data/v2").mkdir(parents=True, exist_ok=True)
        for small in ("small", "v2/index.html"):
            (folder / "data" / small).write_bytes(bytes(1024))
        tls = ""
        if variant == "tls":
            tls = f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}; ssl_protocols TLSv1.3;"
        temporary = "".join(
            f"{kind}_temp_path {scratch}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        path = folder / "nginx.conf"
        path.write_text(
            f"daemon off; user root; worker_processes auto; pid {scratch}/pid; error_log {scratch}/error.log;"
            "events { worker_connections 4096; }"
            f"http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 100000000; {temporary}"
            f"server {{ listen 127.0.0.1:{port}{' ssl' if tls else ''}; root {folder}/data; {tls} }} }}"
        )
        return [self.program, "-c", str(path), "-e", str(scratch / "error.log")]


class Running:
    """A server that runs."""

    def __init__(self, server, command, folder, port, variant):
        self.server, self.folder, self.variant = server, folder, variant
        self.host = f"127.0.0.1:{port}"
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**ENVIRONMENT, "HOME": str(folder)}
            )
        self.wait()

    @property
    def address(self):
        """What the load program is given: with the user, where there are users."""
        return f"{USER}:{PASSWORD}@{self.host}" if self.variant == "users" else self.host

    def wait(self):
        """Waits for the first answer, whatever it says."""
        started = time.monotonic()
        while not self.answers():
            if self.process.poll() is not None:
                end = self.log.read_text(errors="replace")[-400:]
                raise RuntimeError(f"{self.server.name} ended: {end}")
            if time.monotonic() - started > START_SECONDS_MAX:
                self.stop()
                raise RuntimeError(f"{self.server.name} does not answer on {self.host}")
            time.sleep(0.001)
        self.start_seconds = time.monotonic() - started

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", int(self.host.split(":")[1])), timeout=10) as connection:
                if self.variant == "tls":
                    return True
                connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                return connection.recv(12).startswith(b"HTTP/1.1")
        except OSError:
            return False

    def processes(self):
        """Its process and those it has started."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *map(int, children.read_text().split())]

    def processor_seconds(self):
        """What it has used of the processors until now."""
        total = 0
        for process in self.processes():
            fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory(self, line):
        """Megabytes, by a line of /proc/PID/status: VmRSS is now, VmHWM the highest."""
        total = 0
        for process in self.processes():
            status = pathlib.Path(f"/proc/{process}/status").read_text()
            total += int(re.search(rf"^{line}:\s+(\d+)", status, re.M).group(1))
        return total * 1024 / 1e6

    def stop(self):
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def built_from(program, variable):
    """The version of the source that a Go program was built from; a build from a checkout may not know it, so it can be said."""
    if variable in os.environ:
        return os.environ[variable]
    done = subprocess.run(["go", "version", "-m", program], capture_output=True, text=True, check=False)
    found = re.search(r"^\tmod\t\S+\tv?(\S+)", done.stdout, re.M)
    return found.group(1) if found else "unknown"


def all_servers():
    """Every server that can be had here, ours first, and what is left out with the reason."""
    found, left_out = [], []
    for kind in (Ours, Distribution, Olareg, Zot, Angos, Nginx):
        try:
            found.append(kind())
        except Missing as why:
            if kind is Ours:
                raise
            left_out.append((kind.name, str(why)))
    return found, left_out
