#!/usr/bin/python3
"""Checks JSON lines against a schema of docs/schema, by an independent validator.

  validate.py SCHEMA < LINES      prints how many objects of each kind there were: {"time_wait": 2}

Strict: a field that the schema does not have is an error here, though a reader must accept it.
Exit status 1: a line is not as the schema says; the first error is printed.
"""

import json
import pathlib
import sys

import jsonschema

folder = pathlib.Path(__file__).resolve().parents[2] / "docs" / "schema"


def strict(node):
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: strict(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "required" in node:
        node.setdefault("additionalProperties", False)
    return node


def load(name):
    schema = json.loads((folder / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return strict(schema)


def main():
    name = sys.argv[1]
    files = {file.name: load(file.name) for file in folder.glob("*.json")}
    store = {schema["$id"]: schema for schema in files.values()}
    schema = files[name]
    kinds = {}
    for number, line in enumerate(sys.stdin, 1):
        value = json.loads(line)
        kind = value.get("event", "")
        # One of several: the one that is meant gives the better message.
        part = schema["$defs"].get(kind) if "oneOf" in schema else schema
        if part is None:
            sys.exit(f"line {number}: no event '{kind}' in {name}")
        resolver = jsonschema.RefResolver(schema["$id"], schema, store=store)
        validator = jsonschema.Draft202012Validator(part, resolver=resolver)
        for error in validator.iter_errors(value):
            sys.exit(f"line {number}, {kind}: {error.json_path}: {error.message}")
        kinds[kind] = kinds.get(kind, 0) + 1
    print(json.dumps(kinds, sort_keys=True))


main()
