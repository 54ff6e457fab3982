#!/usr/bin/env python3
"""Judges the PowerShell scripts: usage scripts.py PROJECT. Prints what is wrong, a line each; ends with 1 then.

Every file of scripts/*.ps1 must parse (tree-sitter-powershell), be short, be ASCII, use nothing that Windows
PowerShell 5.1 lacks, explain itself by comment-based help, and document each parameter it takes and no
other. Every command in the docs that names a script must name one that is there, with parameters it has.
"""

import pathlib
import re
import sys

import tree_sitter
import tree_sitter_powershell

LINES_MAX = 80
# Given to a script by PowerShell itself when it has a param block with attributes.
COMMON = {"verbose", "erroraction"}
# What came with PowerShell 6 and 7. Of these the grammar knows && and ||; for a ternary it has an error.
NEWER = {
    r"\?\?=?": "?? came with PowerShell 7",
    r"&&|\|\|": "&& and || came with PowerShell 7",
    r"\?\.|\?\[": "?. and ?[ came with PowerShell 7.1",
    r"-Parallel\b": "ForEach-Object -Parallel came with PowerShell 7",
    r"\$Is(Windows|Linux|MacOS|CoreCLR)\b": "$IsWindows and its like came with PowerShell 6",
    r"utf8NoBOM": "utf8NoBOM came with PowerShell 6",
    r"\bGet-Error\b|\bTest-Json\b": "came with PowerShell 6 or 7",
}


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


def blanked(root, source):
    """The text of a script with its strings and comments made blank: what is left is syntax."""
    text = bytearray(source)
    for node in walk(root):
        literal = node.type in ("comment", "verbatim_string_characters", "expandable_string_literal")
        if literal or node.type in ("verbatim_here_string_characters", "expandable_here_string_literal"):
            for place in range(node.start_byte, node.end_byte):
                if text[place] != 0x0A:
                    text[place] = 0x20
    return text.decode("ascii", "replace")


def parameters(root):
    """The names of the script's own parameters, in lower case."""
    blocks = [child for child in root.children if child.type == "param_block"]
    return {
        node.text.decode()[1:].lower()
        for block in blocks
        for parameter in walk(block)
        if parameter.type == "script_parameter"
        for node in parameter.children
        if node.type == "variable"
    }


def judge(path, parser, wrong):
    source = path.read_bytes()
    tree = parser.parse(source)
    for node in walk(tree.root_node):
        line = node.start_point[0] + 1
        if node.type == "ERROR" or node.is_missing:
            wrong(f"{path.name}:{line}: does not parse: {source.splitlines()[line - 1].decode().strip()}")
    syntax = blanked(tree.root_node, source)
    for number, line in enumerate(syntax.splitlines(), 1):
        for pattern, why in NEWER.items():
            if re.search(pattern, line):
                wrong(f"{path.name}:{number}: {why}")
    if not source.isascii():
        wrong(f"{path.name}: has bytes beyond ASCII, which PowerShell 5.1 reads in the machine's code page")
    if len(source.splitlines()) >= LINES_MAX:
        wrong(f"{path.name}: has {len(source.splitlines())} lines; fewer than {LINES_MAX} are allowed")
    taken = parameters(tree.root_node)
    help_text = re.match(r"<#\r?\n(.*?)#>", source.decode("ascii", "replace"), re.S)
    if not help_text:
        wrong(f"{path.name}: does not begin with comment-based help")
        return taken
    for section in ("SYNOPSIS", "EXAMPLE"):
        if not re.search(rf"^\.{section}\s*\n\S", help_text[1], re.M):
            wrong(f"{path.name}: its help has no .{section}")
    described = {name.lower() for name in re.findall(r"^\.PARAMETER (\w+)", help_text[1], re.M)}
    for name in sorted(taken ^ described):
        wrong(f"{path.name}: parameter {name} is " + ("not described" if name in taken else "described but not taken"))
    if "$ErrorActionPreference = 'Stop'" not in source.decode("ascii", "replace"):
        wrong(f"{path.name}: goes on after an error: set $ErrorActionPreference")
    return taken


def judge_docs(project, scripts, wrong):
    docs = [*project.glob("*.md"), *project.glob("docs/*.md"), *project.glob("Dockerfile*"), *project.glob("scripts/*.ps1")]
    for path in docs:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for name, rest in re.findall(r"scripts[\\/]([\w-]+\.(?:ps1|sh))([^`|;]*)", line):
                if name.endswith(".sh"):
                    if not (project / "scripts" / name).is_file():
                        wrong(f"{path.name}:{number}: there is no scripts/{name}")
                    continue
                if name not in scripts:
                    wrong(f"{path.name}:{number}: there is no scripts/{name}")
                    continue
                for word in re.findall(r"(?<=\s)-([A-Za-z]\w*)", rest):
                    if word.lower() not in scripts[name] | COMMON:
                        wrong(f"{path.name}:{number}: {name} has no parameter -{word}")


def main(project):
    found = []
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    paths = sorted(project.glob("scripts/*.ps1"))
    scripts = {path.name: judge(path, parser, found.append) for path in paths}
    judge_docs(project, scripts, found.append)
    for line in found:
        print(line)
    print(f"{len(paths)} PowerShell scripts, {len(found)} faults")
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
