"""All families of the corpus."""
import importlib

FAMILIES = ("arithmetic", "halves", "conversions", "integers", "control", "matrix", "matrix_store", "approximate", "atomics", "memory", "mbarriers", "copies", "bulk", "tensors", "clusters", "warpgroups")


def programs():
    for family in FAMILIES:
        yield from importlib.import_module(family).programs()
