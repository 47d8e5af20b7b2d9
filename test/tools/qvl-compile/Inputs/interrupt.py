"""Interrupts a command while it waits for a reader of its output: interrupt.py FIFO COMMAND...

The command writes into a pipe that nobody reads, and so it cannot end before the signal. Prints its exit code and
what it said after the signal.
"""

import os
import signal
import subprocess
import sys
import threading

fifo, command = sys.argv[1], sys.argv[2:]
os.mkfifo(fifo)
process = subprocess.Popen(command, stderr=subprocess.PIPE)
stuck = threading.Timer(300, process.kill)
stuck.start()
process.stderr.read(1)  # The first byte of the progress: the command is at work.
process.send_signal(signal.SIGINT)
line = process.stderr.read().decode().splitlines()[-1]
code = process.wait()
stuck.cancel()
print(f"exit code {code}: {line}")
