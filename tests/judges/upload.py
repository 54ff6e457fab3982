"""An upload that pauses half-way: upload.py HOST FILE GO, over one connection. Sends half of the file, waits
until the file GO exists, sends the rest and prints the status, or `cut` when the connection was. Gives up when GO's
directory is gone, since a judge that failed removes it."""

import hashlib
import http.client
import os
import sys
import time

host, file, go = sys.argv[1:]
content = open(file, "rb").read()
half = len(content) // 2
connection = http.client.HTTPConnection(host, timeout=120)
connection.request("POST", "/v2/a/blobs/uploads/")
answer = connection.getresponse()
answer.read()
location = answer.getheader("Location")
try:
    connection.putrequest("PUT", f"{location}&digest=sha256:{hashlib.sha256(content).hexdigest()}")
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders(content[:half])
    while not os.path.exists(go):
        if not os.path.isdir(os.path.dirname(go)):
            sys.exit("nobody waits for this upload any more")
        time.sleep(0.02)
    connection.send(content[half:])
    print(connection.getresponse().status)
except (ConnectionError, http.client.HTTPException):
    print("cut")
