#!/usr/bin/env python3
"""Turns the facts make.sh gathers (one a line on stdin) into expected.json (on stdout)."""
import collections
import json
import sys


def repository():
    return {"tags": {}, "manifests": [], "blobs": [], "aliases": [], "uploads": []}


def main():
    result = {"program": "", "repositories": collections.defaultdict(repository), "schema1": [],
              "empty_links": [], "temporaries": [], "empty_directories": []}
    repositories = result["repositories"]
    for line in sys.stdin:
        kind, *words = line.split()
        if kind == "program":
            result["program"] = "distribution " + words[0]
        elif kind == "repository":
            repositories[words[0]]
        elif kind == "tag":
            repositories[words[0]]["tags"][words[1]] = words[2]
        elif kind == "manifest":
            repositories[words[0]]["manifests"].append(
                {"digest": words[1], "size": int(words[2]), "media_type": words[3]})
        elif kind == "blob":
            repositories[words[0]]["blobs"].append({"digest": words[1], "size": int(words[2])})
        elif kind == "alias":
            repositories[words[0]]["aliases"].append(
                {"digest": words[1], "stored_as": words[2], "size": int(words[3])})
        elif kind == "upload":
            repositories[words[0]]["uploads"].append({"id": words[1], "size": int(words[2])})
        elif kind == "schema1":
            result["schema1"].append({"repository": words[0], "tag": words[1], "digest": words[2],
                                      "size": int(words[3]), "media_type": words[4]})
        else:
            key = {"empty_link": "empty_links", "temporary": "temporaries",
                   "empty_directory": "empty_directories"}[kind]
            result[key].append(words[0])
    for content in repositories.values():
        content["blobs"].sort(key=lambda blob: blob["digest"])
    result["repositories"] = dict(sorted(repositories.items()))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
