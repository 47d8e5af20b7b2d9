"""Checks that the parts of `qvl-inspect --json` agree with each other and with the file. check_json.py JSON ARTIFACT"""
import json
import os
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    artifact = json.load(file)
size = os.path.getsize(sys.argv[2])
assert artifact["bytes"] == size
weights = artifact["weights"]
assert weights["count"] == len(weights["table"])
assert weights["bytes"] == sum(weight["bytes"] for weight in weights["table"])
for weight in weights["table"]:
    assert weight["offset"] % 4096 == 0 and weight["offset"] + weight["bytes"] <= size, weight
    assert len(weight["checksum"]) == 16, weight
target, = artifact["targets"]
launches = 0
for program in target["programs"]:
    assert program["command_count"] == len(program["commands"])
    launches += program["launch_count"]
    names = {buffer["name"] for buffer in program["arguments"] + program["transients"]}
    names |= {weight["name"] for weight in weights["table"]}
    kernels = {kernel["name"]: kernel for kernel in target["kernels"]}
    for command in program["commands"]:
        operands = command.get("inputs", []) + command.get("outputs", [])
        assert {operand["name"] for operand in operands} <= names, command
        if command["kind"] == "launch":
            kernel = kernels[command["kernel"]]
            assert len(operands) == kernel["buffers"], command
            assert len(command["scalars"]) == kernel["scalars"], command
assert launches == sum(len(labels) for kernel in target["kernels"] for labels in kernel["launches"].values())
print(artifact["model"]["name"], [program["name"] for program in target["programs"]], "consistent")
