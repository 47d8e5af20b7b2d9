"""Inverts the first byte of a weight. damage_weight.py JSON NAME ARTIFACT"""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    table = json.load(file)["weights"]["table"]
offset, = (weight["offset"] for weight in table if weight["name"] == sys.argv[2])
with open(sys.argv[3], "r+b") as file:
    file.seek(offset)
    byte = file.read(1)[0]
    file.seek(offset)
    file.write(bytes([byte ^ 0xFF]))
