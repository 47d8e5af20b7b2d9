"""All families of the corpus."""
import importlib

FAMILIES = ("arithmetic", "integers", "control", "matrix")


def programs():
    for family in FAMILIES:
        yield from importlib.import_module(family).programs()
