"""Runs a program in a terminal and types into it, step by step: PROGRAM ARGS... -- STEP...

A step is `see=TEXT`: wait until it shows that; `type=KEYS`, with escapes as in Python; `run=SCRIPT`, of sh, whose
output goes to ours; `kill`: end it by SIGKILL. It ends with the program's status, or with 1 and what was seen.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

at = sys.argv.index("--")
program, steps = sys.argv[1:at], sys.argv[at + 1 :]
child, terminal = pty.fork()
if child == 0:
    os.execvp(program[0], program)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
os.kill(child, signal.SIGWINCH)
seen, end = "", time.monotonic() + 20


def more():
    """What it shows, without the colours and movements; False when it has ended."""
    global seen
    if time.monotonic() > end:
        os.kill(child, signal.SIGKILL)
        sys.exit(f"{program}: at {step!r}: {seen!r}")
    if not select.select([terminal], [], [], 1)[0]:
        return True
    try:
        shown = os.read(terminal, 65536)
    except OSError:
        return False
    seen += shown.decode("utf-8", "replace")
    seen = re.sub(r"\x1b(\[[0-9;?>=]*[A-Za-z]|[()][A-Z0-9]|[=>78])", "", seen)
    return bool(shown)


for step in steps:
    what, _, text = step.partition("=")
    if what == "see":
        while text not in seen:
            if not more():
                sys.exit(f"{program}: ended before {text!r}: {seen!r}")
        seen = ""
    elif what == "type":
        os.write(terminal, text.encode().decode("unicode_escape").encode())
    elif what == "run":
        subprocess.run(text, shell=True, check=True)
    else:
        os.kill(child, signal.SIGKILL)
step = "the end"
while more():
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
