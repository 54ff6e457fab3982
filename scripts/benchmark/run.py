"""Runs every row at every server, in turns, and keeps the figures."""

import datetime
import os
import pathlib
import platform
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import time

from . import rows as table
from .servers import ENVIRONMENT, PROJECT, Missing, all_servers

LOAD_SECONDS_MAX = 900
# Registries that keep one list of all manifests write it anew for each: some never come to an end.
FILL_SECONDS_MAX = 60
# A server that does something of its own after the last row disturbs the next.
SETTLE_SECONDS_MAX = 90
SETTLED_SHARE = 0.02
BLOBS = 100_000
STARTS = 5
# Enough writes that one more sync for a new folder does not show.
WRITES = 20
SYNCS = ("fsync", "fdatasync", "sync", "syncfs", "msync")


def everything(folder, rounds, seconds, only, names, keep):
    """Measures, and hands the figures to `keep` as they come: what ends early has measured something."""
    load = load_program()
    servers, left_out = all_servers()
    servers = [server for server in servers if not names or server.name in names]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "disk": disk(folder),
        "rounds": rounds,
        "seconds": seconds,
        "commit": output("git", "-C", str(PROJECT), "describe", "--always", "--dirty"),
        "servers": [
            {
                "name": server.name,
                "version": server.version,
                "note": server.note,
                "durable": server.is_durable,
                "registry": server.is_registry,
                "bytes": os.path.getsize(server.program),
            }
            for server in servers
        ],
        "left_out": left_out,
        "rows": {},
        "memory": {},
        "start": {},
        "syncs": {},
    }
    chosen = [row for row in table.ROWS if not only or row.key in only]
    running = {}
    try:
        start(servers, folder, {row.variant for row in chosen}, running, figures)
        for number, row in enumerate(chosen):
            say(f"{number + 1} of {len(chosen)}: {row.title}")
            figures["rows"][row.key] = measure(load, row, running, rounds, seconds)
            note_memory(running, figures)
            keep(figures)
            if row.is_cold:
                forget_blobs(running)
        if not only:
            figures["syncs"] = syncs(load, running)
    finally:
        for server in running.values():
            server.stop()
    if not only:
        figures["start"] = starts(servers, folder)
    keep(figures)
    shutil.rmtree(folder)


def note_memory(running, figures):
    for (name, variant), server in running.items():
        if variant == "plain":
            figures["memory"][name]["highest"] = server.memory("VmHWM")


def forget_blobs(running):
    """Removes what was pushed behind the servers' backs: a run pushes more than a disk has. Nobody asks for it again."""
    for server in running.values():
        for path in (server.folder / "data").rglob("*"):
            if server.server.is_registry and path.is_file() and path.stat().st_size >= table.MIB:
                path.unlink()


def start(servers, folder, variants, running, figures):
    """Starts each server in each way that a row wants."""
    variants = sorted(variants | {"plain"})
    certificate = make_certificate(servers[0].program, folder) if "tls" in variants else None
    for server in servers:
        for variant in variants:
            try:
                started = server.start(folder / f"{server.name}-{variant}", variant, certificate)
            except Missing:
                continue
            running[server.name, variant] = started
            if not server.is_registry:
                # The file that it serves as the blob.
                data = started.folder / "data"
                blob(data / "blob", 256 * table.MIB)
            if variant == "plain":
                figures["memory"][server.name] = {"idle": started.memory("VmRSS")}


def measure(load, row, running, rounds, seconds):
    """The figures of one row at each server, or why there are none."""
    found = {}
    here = [server for (_, variant), server in running.items() if variant == row.variant]
    here += [server for (name, variant), server in running.items() if row.variant == "users" and variant == "plain" and name == "registry"]
    here = [server for server in here if server.server.is_registry or row.nginx]
    for server in here:
        why = prepare(load, row, server)
        if why:
            found[server.server.name] = {"rounds": [], "failed": why}
    settle(running.values())
    for number in range(rounds):
        # Who goes first changes: what one leaves in the caches helps the next no more often.
        for server in here[number % len(here) :] + here[: number % len(here)]:
            name = server.server.name + ("" if server.variant == row.variant else " without")
            kept = found.setdefault(name, {"rounds": []})
            if "failed" in kept:
                continue
            if row.is_cold:
                drop_caches()
            try:
                kept["rounds"].append(once(load, row, server, row.seconds or seconds))
            except RuntimeError as why:
                kept["failed"] = str(why)
    for name, kept in found.items():
        if kept["rounds"]:
            for figure in kept["rounds"][0]:
                kept[figure] = statistics.median(one[figure] for one in kept["rounds"])
        say(f"    {name:20} {kept.get('failed') or f'{kept[row.figure]:,.1f} {row.unit}'}")
    return found


def settle(servers):
    """Waits until no server is busy with something of its own."""
    started = time.monotonic()
    before = sum(server.processor_seconds() for server in servers)
    while time.monotonic() - started < SETTLE_SECONDS_MAX:
        time.sleep(1)
        now = sum(server.processor_seconds() for server in servers)
        if now - before < SETTLED_SHARE:
            return
        before = now
    say(f"    a server was still busy after {SETTLE_SECONDS_MAX} s")


def prepare(load, row, server):
    """What the row needs is pushed, and looked at once, before anything is timed; the folder of nginx has files of these sizes.
    Gives why that cannot be."""
    if not server.server.is_registry:
        size = int(re.search(r"bytes=(\d+)", row.nginx).group(1)) if "bytes=" in row.nginx else 0
        path = server.folder / "data/blob"
        if size and path.stat().st_size != size:
            blob(path, size)
    try:
        words = re.sub(r"connections=\d+", "connections=1", words_for(row, server)) + " requests=1"
        ask(load, server, words, FILL_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return f"what is to be there was not pushed within {FILL_SECONDS_MAX} s"
    except RuntimeError as why:
        return str(why)
    return None


def words_for(row, server):
    """Each row has a repository of its own: some registries become slow where there is much."""
    if not server.server.is_registry:
        return row.nginx
    return f"{row.words} repository=bench/{row.key}"


def once(load, row, server, seconds):
    before = server.processor_seconds()
    line = ask(load, server, f"{words_for(row, server)} seconds={seconds}")
    used = server.processor_seconds() - before
    figures = {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", line)}
    done = figures["requests"]
    figures["microseconds_each"] = used / done * 1e6
    moved = figures["mb_per_second"] * figures["seconds"]
    figures["processor_seconds_per_gb"] = used / moved * 1000 if moved else 0.0
    return figures


def ask(load, server, words, seconds_max=LOAD_SECONDS_MAX):
    """One run of the load program; its line."""
    command = [load, server.address, *words.split()]
    if server.variant == "tls":
        command += [f"trust={server.folder.parent}/127.0.0.1.crt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds_max, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "the load program failed")
    return done.stdout


def syncs(load, running):
    """Calls that sync, for each acknowledged write, as strace counts them."""
    if not shutil.which("strace"):
        say("strace is not on this machine: syncs are not counted")
        return {}
    found = {}
    for title, words in table.WRITES:
        for (name, variant), server in running.items():
            if variant == "plain" and server.server.is_registry:
                ask(load, server, f"{words} connections=1 requests=1")
                found.setdefault(title, {})[name] = count_syncs(load, server, words)
    return found


def count_syncs(load, server, words):
    report = server.folder / "strace"
    report.unlink(missing_ok=True)
    command = ["strace", "-f", "-q", "-e", "trace=" + ",".join(SYNCS), "-o", str(report)]
    command += ["-p", str(server.process.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while "TracerPid:\t0" in pathlib.Path(f"/proc/{server.process.pid}/status").read_text():
        if tracer.poll() is not None:
            return None
        time.sleep(0.01)
    count = 4 if str(128 * table.MIB) in words else WRITES
    ask(load, server, f"{words} connections=1 requests={count} seconds=60")
    tracer.terminate()
    tracer.wait()
    calls = re.findall(rf"\b({'|'.join(SYNCS)})\(", report.read_text(errors="replace"))
    return len(calls) / count


def starts(servers, folder):
    """Milliseconds from the start of the program to its first answer, with many blobs, for those of one layout."""
    data = folder / "many/data"
    say(f"{STARTS} starts with {BLOBS} blobs")
    make_blobs(data)
    found = {}
    for _ in range(STARTS):
        for server in servers:
            if server.name not in ("registry", "distribution"):
                continue
            started = server.start(folder / "many")
            started.stop()
            found.setdefault(server.name, []).append(started.start_seconds * 1000)
    return {name: statistics.median(times) for name, times in found.items()}


def make_blobs(data):
    """A repository with so many small blobs, in distribution's layout."""
    root = data / "docker/registry/v2"
    layers = root / "repositories/bench/many/_layers/sha256"
    for _ in range(BLOBS):
        digest = secrets.token_hex(32)
        blob_folder, layer = root / "blobs/sha256" / digest[:2] / digest, layers / digest
        blob_folder.mkdir(parents=True)
        layer.mkdir(parents=True)
        (blob_folder / "data").write_bytes(b"a blob")
        (layer / "link").write_text(f"sha256:{digest}")


def load_program():
    """Builds the load program and gives its path."""
    command = ["cargo", "bench", "--bench", "load", "--no-run", "--locked"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    found = re.search(r"Executable .*\((.+)\)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"the load program does not build:\n{done.stderr[-2000:]}")
    return str(PROJECT / found.group(1))


def make_certificate(program, folder):
    command = [program, "certificate", "--ip", "127.0.0.1", "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    return folder / "127.0.0.1.crt", folder / "127.0.0.1.key"


def blob(path, size):
    with path.open("wb") as file:
        for _ in range(size // table.MIB):
            file.write(b"Z" * table.MIB)


def drop_caches():
    """See Row.is_cold."""
    subprocess.run(["sync"], check=True)
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    except PermissionError:
        sys.exit("only root can drop the caches of the system, which pushes are measured after")


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return (
        f"{os.cpu_count()} processors ({model.group(1) if model else platform.machine()}), "
        f"{int(memory.group(1)) / 1e6:.0f} GB of memory, Linux {platform.release()}"
    )


def disk(folder):
    """What the data is on, and how fast it takes a file that is synced at its end."""
    kind, source = (output("findmnt", "-n", "-o", what, "-T", str(folder)) for what in ("FSTYPE", "SOURCE"))
    kind = kind or "unknown file system"
    device = pathlib.Path(source).name
    if kind == "ext4":
        journals = (path.name.rpartition("-")[0] for path in pathlib.Path("/proc/fs/jbd2").glob("*"))
        kind += " with a journal" if device in journals else " without a journal"
    if device.startswith("loop"):
        kind += " in a file (loop device)"
    path, size, rates = folder / "probe", 512 * table.MIB, []
    for _ in range(3):
        drop_caches()
        started = time.monotonic()
        blob(path, size)
        with path.open("rb") as file:
            os.fdatasync(file.fileno())
        rates.append(size / (time.monotonic() - started) / 1e6)
        path.unlink()
    return f"{kind}, which took a file of 512 MiB at {min(rates):,.0f} to {max(rates):,.0f} MB/s"


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def say(text):
    print(text, file=sys.stderr, flush=True)
