#!/usr/bin/env python3
"""Kills a registry while four clients push, tag, mount and delete and it collects garbage, starts it again, and looks for
everything it acknowledged. In between `registry garbage-collect` is killed as well.

usage: kill.py PROGRAM FOLDER ROUNDS [SEED]

Each client has two repositories of its own, so it knows what must be there: what was answered is so, and the one
request that the kill cut off has happened or has not. A blob that no manifest names may be collected. Prints one line of figures; ends with 1 when something
acknowledged is gone, or has other bytes. Loopback only; ends what it starts.
"""
import hashlib
import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time

CLIENTS = 4
TAGS = ["v1", "v2", "v3"]
RUN_SECONDS = (0.05, 0.6)
# Long enough for the server to collect garbage, in one of so many rounds.
LONG_RUN_SECONDS = (1.0, 2.5)
LONG_RUN_EVERY = 4
COLLECT_SECONDS_MAX = 0.05
# Longer than any push here takes.
GRACE = "6s"
# A client with more images than these deletes one before it pushes another, so that a thousand kills need no more room than fifty.
IMAGES_MAX = 150
PROGRESS_EVERY = 100
START_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 30
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Gone(Exception):
    """The registry was killed in the middle of a request."""


class Registry:
    def __init__(self, program, folder):
        self.program, self.folder, self.process, self.port = program, folder, None, None
        self.said = []
        self.config = os.path.join(folder, "kill.yml")
        data = os.path.join(folder, "data").replace("'", "''")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(
                f"version: 0.1\nstorage:\n  filesystem: {{rootdirectory: '{data}'}}\n  delete: {{enabled: true}}\n"
                f"  maintenance: {{garbagecollect: {{enabled: true, interval: 1s, grace: {GRACE}}}}}\n"
                "http: {addr: '127.0.0.1:0'}\nlog: {accesslog: {disabled: true}}\n"
            )

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "serve", self.config],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        deadline = time.monotonic() + START_SECONDS_MAX
        for line in self.process.stdout:
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                threading.Thread(target=self.said.extend, args=[self.process.stdout], daemon=True).start()
                return
            if time.monotonic() > deadline:
                break
        sys.exit("the registry did not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def collect(self, seconds):
        """Collects garbage without a server, and is killed after some seconds unless that is done by then."""
        command = [self.program, "garbage-collect", "--quiet", self.config]
        collection = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, errors = collection.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            collection.kill()
            collection.communicate()
            return
        if collection.returncode != 0:
            sys.exit(f"the collection ended with {collection.returncode}: {errors.decode()}")

    def ask(self, method, path, body=None, **fields):
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS_MAX)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Gone from error
        finally:
            connection.close()


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Client:
    """One client and what it knows. A value is what must be there; two values: either of them."""

    def __init__(self, registry, number, seed):
        self.registry, self.name = registry, f"team{number}/app"
        self.random = random.Random(f"{seed}-{number}")
        self.blobs, self.manifests, self.tags = set(), {}, {tag: {None} for tag in TAGS}
        # Manifests whose blobs were mounted into the other repository.
        self.copy, self.copies = f"team{number}/copy", {}
        self.blob_bytes = [10, 1000, 50_000, 400_000]
        self.acknowledged = self.checked = self.collected = 0
        self.faults = []

    def path(self, rest):
        return f"/v2/{self.name}/{rest}"

    def work(self):
        try:
            while True:
                act = self.random.choice(
                    [self.push_image] * 4
                    + [self.retag, self.mount_image, self.delete_copy, self.delete_tag, self.delete_manifest]
                )
                act()
        except Gone:
            pass

    def expect(self, found, *expected):
        if found not in expected:
            self.faults.append(f"{self.name}: a request was answered {found}")
            raise Gone
        self.acknowledged += 1

    def push_blob(self):
        content = self.random.randbytes(self.random.choice(self.blob_bytes))
        digest = digest_of(content)
        status, answer, _ = self.registry.ask("POST", self.path("blobs/uploads/"))
        self.expect(status, 202)
        location = answer.headers["Location"]
        half = self.random.choice([0, len(content) // 2])
        if half:
            status, answer, _ = self.registry.ask("PATCH", location, content[:half])
            self.expect(status, 202)
            location = answer.headers["Location"]
        status, _, _ = self.registry.ask("PUT", f"{location}&digest={digest}", content[half:])
        self.expect(status, 201)
        self.blobs.add(digest)
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(content)}

    def push_image(self):
        if len(self.there(self.manifests)) > IMAGES_MAX:
            self.delete_manifest()
        config, layer = self.push_blob(), self.push_blob()
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}
        content = json.dumps(manifest).encode()
        digest, tag = digest_of(content), self.random.choice(TAGS)
        before = self.tags[tag]
        self.tags[tag] = before | {digest}
        self.manifests[digest] = {None, content}
        status, _, _ = self.registry.ask("PUT", self.path(f"manifests/{tag}"), content, Content_Type=MANIFEST)
        self.expect(status, 201)
        self.tags[tag], self.manifests[digest] = {digest}, {content}

    def retag(self):
        there = self.there(self.manifests)
        if not there:
            return
        digest, tag = self.random.choice(there), self.random.choice(TAGS)
        self.tags[tag] = self.tags[tag] | {digest}
        (content,) = self.manifests[digest]
        status, _, _ = self.registry.ask("PUT", self.path(f"manifests/{tag}"), content, Content_Type=MANIFEST)
        self.expect(status, 201)
        self.tags[tag] = {digest}

    def mount_image(self):
        there = self.there(self.manifests)
        if not there:
            return
        digest = self.random.choice(there)
        (content,) = self.manifests[digest]
        for blob in self.named(content):
            path = f"/v2/{self.copy}/blobs/uploads/?mount={blob}&from={self.name}"
            status, _, _ = self.registry.ask("POST", path)
            self.expect(status, 201)
        self.copies[digest] = self.copies.get(digest, {None}) | {content}
        path = f"/v2/{self.copy}/manifests/{digest}"
        status, _, _ = self.registry.ask("PUT", path, content, Content_Type=MANIFEST)
        self.expect(status, 201)
        self.copies[digest] = {content}

    def delete_copy(self):
        there = self.there(self.copies)
        if not there:
            return
        digest = self.random.choice(there)
        self.copies[digest] = self.copies[digest] | {None}
        status, _, _ = self.registry.ask("DELETE", f"/v2/{self.copy}/manifests/{digest}")
        self.expect(status, 202)
        self.copies[digest] = {None}

    @staticmethod
    def there(manifests):
        return [digest for digest, states in manifests.items() if None not in states]

    @staticmethod
    def named(content):
        manifest = json.loads(content)
        return [blob["digest"] for blob in [manifest["config"], *manifest["layers"]]]

    def delete_tag(self):
        tag = self.random.choice(TAGS)
        if None in self.tags[tag]:
            return
        self.tags[tag] = self.tags[tag] | {None}
        status, _, _ = self.registry.ask("DELETE", self.path(f"manifests/{tag}"))
        self.expect(status, 202)
        self.tags[tag] = {None}

    def delete_manifest(self):
        there = self.there(self.manifests)
        if not there:
            return
        digest = self.random.choice(there)
        named = [tag for tag in TAGS if digest in self.tags[tag]]
        self.manifests[digest] = self.manifests[digest] | {None}
        for tag in named:
            self.tags[tag] = self.tags[tag] | {None}
        status, _, _ = self.registry.ask("DELETE", self.path(f"manifests/{digest}"))
        self.expect(status, 202)
        self.manifests[digest] = {None}
        for tag in named:
            self.tags[tag] = {None}

    def check(self, everything):
        """Looks for what must be there; takes what is there as known from now on."""
        for name, manifests in ((self.name, self.manifests), (self.copy, self.copies)):
            for digest, states in manifests.items():
                if len(states) == 1 and not everything:
                    continue
                status, _, body = self.registry.ask("GET", f"/v2/{name}/manifests/{digest}")
                found = body if status == 200 else None if status == 404 else status
                self.hold(found in states, f"manifest {digest} of {name}: {status}")
                manifests[digest] = {found}
            self.check_blobs(name, manifests, everything)
        for tag, states in self.tags.items():
            status, answer, _ = self.registry.ask("GET", self.path(f"manifests/{tag}"))
            found = answer.headers["Docker-Content-Digest"] if status == 200 else None if status == 404 else status
            self.hold(found in states, f"tag {tag}: {status} {found}, expected {states}")
            self.tags[tag] = {found}

    def check_blobs(self, name, manifests, everything):
        needed = {blob for digest in self.there(manifests) for blob in self.named(*manifests[digest])}
        blobs = sorted(needed)
        for digest in blobs if everything else self.random.sample(blobs, min(20, len(blobs))):
            status, _, body = self.registry.ask("GET", f"/v2/{name}/blobs/{digest}")
            self.hold(status == 200 and digest_of(body) == digest, f"blob {digest} of {name}: {status}, {len(body)} bytes")
        others = sorted(self.blobs - needed) if name == self.name else []
        for digest in self.random.sample(others, min(10, len(others))):
            status, _, body = self.registry.ask("GET", f"/v2/{name}/blobs/{digest}")
            is_right = status == 404 or digest_of(body) == digest
            self.hold(is_right, f"blob {digest} of {name}: {status}, {len(body)} bytes")
            self.collected += status == 404

    def hold(self, is_so, text):
        self.checked += 1
        if not is_so:
            self.faults.append(f"{self.name}: {text}")


def main():
    program, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = sys.argv[4] if len(sys.argv) > 4 else str(random.randrange(10**9))
    chance = random.Random(seed)
    registry = Registry(program, folder)
    clients = [Client(registry, number, seed) for number in range(CLIENTS)]
    for number in range(rounds):
        if number and number % PROGRESS_EVERY == 0:
            print(f"{number} kills, {sum(client.acknowledged for client in clients)} acknowledged requests", flush=True)
        registry.start()
        for client in clients:
            client.check(everything=False)
        threads = [threading.Thread(target=client.work) for client in clients]
        for thread in threads:
            thread.start()
        is_long = chance.randrange(LONG_RUN_EVERY) == 0
        time.sleep(chance.uniform(*(LONG_RUN_SECONDS if is_long else RUN_SECONDS)))
        registry.kill()
        for thread in threads:
            thread.join()
        if chance.randrange(2):
            registry.collect(chance.uniform(0, COLLECT_SECONDS_MAX))
    registry.start()
    for client in clients:
        client.check(everything=True)
    registry.kill()
    acknowledged = sum(client.acknowledged for client in clients)
    checked = sum(client.checked for client in clients)
    collected = sum(client.collected for client in clients)
    faults = [fault for client in clients for fault in client.faults]
    print("\n".join(faults[:20]))
    print(
        f"{rounds} kills, {acknowledged} acknowledged requests, {checked} checks, {collected} of them found a blob "
        f"collected, {len(faults)} faults, seed {seed}"
    )
    sys.exit(1 if faults or acknowledged == 0 or collected == 0 else 0)


if __name__ == "__main__":
    main()
