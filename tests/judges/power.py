#!/usr/bin/env python3
"""Cuts the power under a registry while four clients push and delete, and looks for everything it acknowledged.

usage: power.py PROGRAM FOLDER FILE_SYSTEM CUTS SECONDS [SEED]

The data is in a file system of its own, in a file. At random moments that file is copied: of what the kernel has not
written to it yet nothing is in the copy, so the copy is what a disk holds after a power cut. It is mounted, which replays
its journal, and served, and everything that was acknowledged before the copy began must be there (kill.py). A cut counts when two
copies in a row are equal: then nothing was written between them. Until CUTS were made, or SECONDS have passed. Needs
root. Ends what it starts.
"""
import copy
import os
import random
import signal
import subprocess
import sys
import threading
import time

from kill import CLIENTS, Client, Registry

IMAGE_BYTES = 320 * 1024 * 1024
RUN_SECONDS = (0.05, 0.8)
COPIES_MAX = 20
# So much traffic that it does not fill the disk, and many small files as with real images.
BLOB_BYTES = [10, 1000, 20_000, 150_000]


class Gate:
    """Lets nobody out of a request while it is held: then what clients know is known."""

    def __init__(self):
        self.lock, self.count, self.inside = threading.Lock(), threading.Lock(), 0

    def add(self, number):
        with self.count:
            self.inside += number


class Watched(Registry):
    def __init__(self, program, folder, gate):
        super().__init__(program, folder)
        self.gate = gate

    def ask(self, *words, **fields):
        self.gate.add(1)
        try:
            return super().ask(*words, **fields)
        finally:
            with self.gate.lock:
                self.gate.add(-1)


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def clone(client):
    """A client that knows what another knows now."""
    other = Client(None, 0, 0)
    other.name = client.name
    other.blobs = set(client.blobs)
    other.manifests, other.tags = copy.deepcopy(client.manifests), copy.deepcopy(client.tags)
    return other


def copy_as_it_is(image, target):
    """Copies the disk; tells whether it is one that existed at a moment."""
    for _ in range(COPIES_MAX):
        run("cp", "--sparse=always", image, target)
        if subprocess.run(["cmp", "--silent", image, target], check=False).returncode == 0:
            return True
    return False


class Trial:
    def __init__(self, program, folder, kind, seed):
        self.program, self.folder, self.kind = program, folder, kind
        self.image, self.copied = os.path.join(folder, "disk"), os.path.join(folder, "copy")
        self.mounted, self.after = os.path.join(folder, "mounted"), os.path.join(folder, "after")
        for path in (self.mounted, self.after):
            os.makedirs(path)
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        run(*{"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}[kind], self.image)
        run("mount", "-o", "loop", self.image, self.mounted)
        self.gate = Gate()
        self.registry = Watched(program, self.mounted, self.gate)
        self.clients = [Client(self.registry, number, seed) for number in range(CLIENTS)]
        for client in self.clients:
            client.blob_bytes = BLOB_BYTES
        self.cuts = self.checked = 0
        self.faults = []

    def cut(self):
        """Holds the clients in their requests, stops the registry where it is, and copies the disk."""
        with self.gate.lock:
            deadline = time.monotonic() + 5
            while self.gate.inside < CLIENTS and time.monotonic() < deadline:
                time.sleep(0.001)
            # What was acknowledged before is known; each client has one request under way.
            self.registry.process.send_signal(signal.SIGSTOP)
            known = [clone(client) for client in self.clients]
            is_a_moment = copy_as_it_is(self.image, self.copied)
            self.registry.process.send_signal(signal.SIGCONT)
        if is_a_moment:
            self.look(known)
            self.cuts += 1

    def look(self, known):
        # xfs does not mount two disks of one identity, unless told to.
        options = {"ext4": "loop", "xfs": "loop,nouuid"}[self.kind]
        run("mount", "-o", options, self.copied, self.after)
        registry = Registry(self.program, self.after)
        try:
            registry.start()
            for client in known:
                client.registry = registry
                client.check(everything=True)
                self.checked += client.checked
                self.faults += client.faults
        finally:
            registry.kill()
            run("umount", self.after)

    def run(self, cuts, seconds, chance):
        deadline = time.monotonic() + seconds
        self.registry.start()
        threads = [threading.Thread(target=client.work, daemon=True) for client in self.clients]
        for thread in threads:
            thread.start()
        while self.cuts < cuts and time.monotonic() < deadline and not self.faults:
            time.sleep(chance.uniform(*RUN_SECONDS))
            self.cut()
        self.registry.kill()
        for thread in threads:
            thread.join()
        if not any("keeps them in order" in line for line in self.registry.said):
            self.faults.append("each folder was synced by itself: what a disk that keeps names in order is trusted with was not tried")
        self.faults += [fault for client in self.clients for fault in client.faults]

    def end(self):
        if self.registry.process:
            self.registry.kill()
        for path in (self.after, self.mounted):
            if os.path.ismount(path):
                run("umount", path)


def main():
    program, folder, kind, cuts, seconds = sys.argv[1:6]
    seed = sys.argv[6] if len(sys.argv) > 6 else str(random.randrange(10**9))
    trial = Trial(program, folder, kind, seed)
    try:
        trial.run(int(cuts), float(seconds), random.Random(seed))
    finally:
        trial.end()
    acknowledged = sum(client.acknowledged for client in trial.clients)
    print("\n".join(trial.faults[:20]))
    print(
        f"{kind}: {trial.cuts} cuts, {acknowledged} acknowledged requests, {trial.checked} checks, "
        f"{len(trial.faults)} faults, seed {seed}"
    )
    sys.exit(1 if trial.faults or trial.cuts == 0 or acknowledged == 0 else 0)


main()
