"""Runs qvl-compile with hardly more memory than it needs to start: little_memory.py COMMAND...

A limit on the address space that is just enough for --version is too little for a compile. Prints the exit code and
what the command said.
"""

import resource
import subprocess
import sys

STEP = 16 << 20


def run(command, limit):
    def restrict():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=restrict, timeout=600)
    return done.returncode, done.stderr.strip()


command = sys.argv[1:]
low, high = 0, 4096  # steps that are too few, and enough
while high - low > 1:
    middle = (low + high) // 2
    starts = run([command[0], "--version"], middle * STEP)[0] == 0
    low, high = (low, middle) if starts else (middle, high)
code, said = run(command, high * STEP)
print(f"exit code {code}: {said}")
