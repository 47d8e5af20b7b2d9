"""Signals a command while it waits for a reader of its output: signalled.py SIGNAL FIFO COMMAND...

The command writes into a pipe that nobody reads, and so it cannot end before the signal. Prints what it says after the
first byte of its progress, and its exit code.
"""

import os
import signal
import subprocess
import sys
import threading

name, fifo, command = sys.argv[1], sys.argv[2], sys.argv[3:]
os.mkfifo(fifo)
process = subprocess.Popen(command, stderr=subprocess.PIPE)
stuck = threading.Timer(300, process.kill)
stuck.start()
process.stderr.read(1)  # The command is at work.
process.send_signal(signal.Signals["SIG" + name])
said = process.stderr.read().decode()
code = process.wait()
stuck.cancel()
print(said + f"exit code {code}")
