"""talk.py ROWS COLUMNS STEPS PROGRAM ARG...

Runs a program on a terminal of that size. STEPS is a JSON list of [wait for, type]: each is typed once its first part
has been shown since the step before. Prints all that the terminal showed; ends as the program ended.
"""

import fcntl
import json
import os
import select
import struct
import sys
import termios
import time

LIMIT = 60


def main():
    rows, columns, steps, program = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]
    pid, terminal = os.forkpty()
    if pid == 0:
        # The program must find the size when it starts.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execv(program[0], program)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    shown, since = b"", 0
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        while steps and (at := shown.find(steps[0][0].encode(), since)) >= 0:
            since = at + len(steps[0][0].encode())
            os.write(terminal, steps.pop(0)[1].encode())
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            more = os.read(terminal, 65536)
        except OSError:
            break
        if not more:
            break
        shown += more
    else:
        os.kill(pid, 9)
        sys.stderr.write("talk.py: not done in time; steps left: %r\n" % steps)
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    _, status = os.waitpid(pid, 0)
    if steps:
        sys.stderr.write("talk.py: ended with steps left: %r\n" % steps)
        sys.exit(99)
    sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)


main()
