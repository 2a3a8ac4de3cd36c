"""interrupt.py QUESTION PROGRAM ARG...

Runs a program on a terminal of its own and types Ctrl-C once it has asked QUESTION. Prints as JSON whether the terminal showed what
is typed before, at the question and after the end, and the signal that ended the program (0: none did).
"""

import fcntl
import json
import os
import pty
import select
import sys
import termios
import time

LIMIT = 60


def shows(terminal):
    flags = termios.tcgetattr(terminal)[3]
    return all(flags & flag for flag in (termios.ECHO, termios.ICANON, termios.ISIG))


def main():
    question, program = sys.argv[1].encode(), sys.argv[2:]
    ours, theirs = pty.openpty()
    before = shows(theirs)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
        for stream in (0, 1, 2):
            os.dup2(theirs, stream)
        os.execv(program[0], program)
    shown, at_question, ended = b"", None, None
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and not ended:
        if select.select([ours], [], [], 0.05)[0]:
            shown += os.read(ours, 65536)
        if at_question is None and question in shown and not shows(theirs):
            at_question = shows(theirs)
            os.write(ours, b"\x03")
        done, status = os.waitpid(pid, os.WNOHANG)
        ended = done == pid
    if not ended:
        os.kill(pid, 9)
        sys.exit("interrupt.py: not done in time; shown: %r" % shown)
    signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    print(json.dumps({"before": before, "at_question": at_question, "after": shows(theirs), "signal": signal}))


main()
