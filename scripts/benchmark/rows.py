"""What is measured: a row for each kind of work, with what the load program is told and what we aim at."""

import dataclasses

MIB = 1 << 20
# Names of groups of rivals that a target can be about.
BEST = "the best rival"
BEST_DURABLE = "the best rival that syncs"


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work."""

    key: str
    title: str
    # What the load program is told, after the address.
    words: str
    # Which of its figures counts: rps or mb_per_second.
    figure: str = "rps"
    variant: str = "plain"
    # What nginx is asked in its place; nothing: it has no part in this.
    nginx: str = ""
    # rival or group -> our figure divided by theirs is to be at least this.
    targets: dict = dataclasses.field(default_factory=dict)
    # Whether the caches of the system are dropped before: memory that the host has not given yet costs more than the work.
    is_cold: bool = False
    # Longer than the others take.
    seconds: int = 0

    @property
    def unit(self):
        return "MB/s" if self.figure == "mb_per_second" else "/s"


def push(key, title, words, targets):
    return Row(key, title, "push " + words, "mb_per_second", targets=targets, is_cold=True)


def pull(key, title, words, targets, variant="plain"):
    nginx = "get path=/blob " + words.replace("pull ", "")
    return Row(key, title, "pull " + words, "mb_per_second", variant, nginx, targets)


READS = {BEST: 1.8, "nginx": 1.3}
FILE = "get path=/small connections=8"

ROWS = [
    pull("pull", "pull of 256 MiB, dropped by the client", f"bytes={256 * MIB} connections=1", {BEST: 1, "nginx": 1}),
    pull(
        "pull-copied", "pull of 256 MiB, copied by the client", f"bytes={256 * MIB} connections=1 copy=1", {BEST: 1, "nginx": 1}
    ),
    pull("pull-8", "8 pulls of 64 MiB at once", f"bytes={64 * MIB} connections=8", {BEST: 1, "nginx": 1}),
    pull("pull-1000", "1,000 connections that pull 1 MiB", f"bytes={MIB} connections=1000", {BEST: 1}),
    pull("pull-tls", "pull of 256 MiB over TLS 1.3", f"bytes={256 * MIB} connections=1", {BEST: 1.5}, "tls"),
    push("push-128", "push of 128 MiB", f"bytes={128 * MIB} connections=1", {BEST: 1.7}),
    push("push-128-4", "push of 128 MiB, 4 at once", f"bytes={128 * MIB} connections=4", {BEST: 1.4}),
    push("push-chunks", "push of 128 MiB in PATCHes of 16 MiB", f"bytes={128 * MIB} chunk={16 * MIB} connections=1", {BEST: 1.6}),
    push("push-stream", "push of 128 MiB in one PATCH, as docker does", f"bytes={128 * MIB} stream=1 connections=1", {BEST: 1.6}),
    Row(
        "push-1",
        "push of 1 MiB, 8 at once",
        f"push bytes={MIB} connections=8",
        targets={BEST_DURABLE: 1.5, "olareg": 1},
        is_cold=True,
    ),
    Row(
        "push-small",
        "push of 10 KiB, 8 at once",
        "push bytes=10240 connections=8",
        targets={"distribution": 8, "zot": 2, "angos": 2},
        is_cold=True,
    ),
    Row("manifest-put", "push of a manifest by tag", "manifest-put connections=8", targets={BEST: 3}, is_cold=True),
    Row("manifest-get", "GET of a manifest by tag", "manifest-get connections=8", nginx=FILE, targets=READS),
    Row("manifest-head", "HEAD of a manifest by tag", "manifest-head connections=8", nginx=FILE.replace("get", "head"), targets=READS),
    Row("blob-head", "HEAD of a blob", "blob-head connections=8", nginx=FILE.replace("get", "head"), targets=READS),
    Row("ping", "GET of /v2/", "ping connections=8", nginx=FILE, targets=READS),
    Row("manifest-get-users", "GET of a manifest, with users and rules", "manifest-get connections=8", variant="users"),
    Row("tags", "100 of 2,000 tags, anywhere", "tags fill=2000 page=100 connections=8", targets={BEST: 10}),
    Row(
        "catalog",
        "100 of 10,000 repositories, anywhere",
        "catalog fill=10000 page=100 connections=8",
        targets={"distribution": 50},
    ),
    Row("referrers", "referrers of one of 10,000 manifests", "referrers fill=10000 connections=8"),
    Row("handshake", "TLS 1.3 handshakes", "handshake connections=8", variant="tls", nginx="handshake connections=8", targets={BEST: 1.5}),
    Row(
        "handshake-resumed",
        "TLS 1.3 handshakes, resumed",
        "handshake resume=1 connections=8",
        variant="tls",
        nginx="handshake resume=1 connections=8",
        targets={BEST: 1.5},
    ),
]

# What is counted at one connection: writes that are acknowledged, and how often each was synced.
WRITES = [
    ("a blob of 10 KiB", "push bytes=10240"),
    ("a blob of 1 MiB", f"push bytes={MIB}"),
    ("a blob of 128 MiB", f"push bytes={128 * MIB}"),
    ("a manifest by tag", "manifest-put"),
]

# The chart of the README.
FIRST = ["pull-8", "push-128", "push-small", "manifest-get", "tags"]
