"""Prints the app-facing wire of an installed `dapr` package as JSON: numbers, types, enums, calls.

Run by an interpreter that has `dapr` and nothing of ours. tests/unit/dialect_1_19_0.json is its
output for dapr 1.19.0; test_descriptors.py keeps the two equal.
"""

import importlib
import json
import sys

# What a worker or a client can see. The package also holds descriptors that only daprd uses.
MODULES = ("orchestration", "history_events", "orchestrator_actions", "orchestrator_service")
KINDS = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 8: "bool",
    9: "string", 11: "message", 12: "bytes", 13: "uint32", 14: "enum",
}  # fmt: skip


def field_facts(field):
    facts = {"name": field.name, "type": KINDS[field.type]}
    if field.message_type or field.enum_type:
        facts["of"] = (field.message_type or field.enum_type).full_name
    if field.is_repeated:
        facts["repeated"] = True
    oneof = field.containing_oneof
    if oneof and len(oneof.fields) == 1 and oneof.name.startswith("_"):
        facts["optional"] = True
    elif oneof:
        facts["oneof"] = oneof.name
    return facts


def enum_facts(enum):
    return {str(value.number): value.name for value in enum.values}


def add_message(message, facts):
    facts["messages"][message.full_name] = {
        str(field.number): field_facts(field) for field in sorted(message.fields, key=lambda field: field.number)
    }
    for nested in message.nested_types:
        add_message(nested, facts)
    for enum in message.enum_types:
        facts["enums"][enum.full_name] = enum_facts(enum)


def call_facts(method):
    return {
        "request": method.input_type.full_name,
        "response": method.output_type.full_name,
        "client_streaming": method.client_streaming,
        "server_streaming": method.server_streaming,
    }


def dialect():
    facts = {"messages": {}, "enums": {}, "services": {}}
    for name in MODULES:
        module = importlib.import_module(f"dapr.ext.workflow._durabletask.internal.{name}_pb2")
        for message in module.DESCRIPTOR.message_types_by_name.values():
            add_message(message, facts)
        for enum in module.DESCRIPTOR.enum_types_by_name.values():
            facts["enums"][enum.full_name] = enum_facts(enum)
        for service in module.DESCRIPTOR.services_by_name.values():
            facts["services"][service.full_name] = {method.name: call_facts(method) for method in service.methods}
    return facts


if __name__ == "__main__":
    json.dump(dialect(), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
