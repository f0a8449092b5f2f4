"""Runs a program at a terminal of its own and types a line whenever it asks for a passphrase.

    at-terminal.py LINE PROGRAM WORDS...

age reads passphrases from a terminal only, so that nobody keeps one in a command line.
"""
import os
import pty
import sys

line, program = sys.argv[1], sys.argv[2:]
process, terminal = pty.fork()
if process == 0:
    os.execv(program[0], program)
asked = b""
everything = b""
while True:
    try:
        text = os.read(terminal, 1024)
    except OSError:
        break
    if not text:
        break
    everything += text
    asked += text
    if b"passphrase" in asked and asked.rstrip(b" \x1b[K").endswith(b":"):
        os.write(terminal, os.fsencode(line) + b"\n")
        asked = b""
status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
if status != 0:
    sys.stderr.write(everything.decode(errors="replace"))
sys.exit(status)
