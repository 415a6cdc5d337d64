"""Writes the log from a thread of its own. Whoever reads it may stop reading, and no stream waits for that."""

import contextlib
import logging
import os
import queue
import threading

MOST = 1_000  # lines that wait: two seconds of the busiest log
FLUSH_S = 1.0


class LineWriter(logging.Handler):
    """Hands lines to the thread; leaves out what is too many, and says how many that were once there is room again.

    Args:
        fd: Where they are written. Not through a file object: an interpreter that exits would wait for its lock.
        most: Lines that wait to be written.
    """

    def __init__(self, fd: int, *, most: int = MOST) -> None:
        super().__init__()
        self._fd = fd
        self._waiting: queue.Queue[str] = queue.Queue(most)
        self._left_out = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """See logging."""
        try:
            if self._left_out:
                self._put(self._excuse())
                self._left_out = 0
            self._put(self.format(record))
        except queue.Full:
            self._left_out += 1
        except Exception:  # as logging's own handlers do: what can not be formatted harms nobody
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all is written, a second at most; logging asks for it when the process ends."""
        with self._waiting.all_tasks_done:
            self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, FLUSH_S)

    def _put(self, line: str) -> None:
        self._waiting.put_nowait(line)

    def _excuse(self) -> str:
        said = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "args": (self._left_out,)}
        return self.format(logging.makeLogRecord(said | {"msg": "%d lines are left out here: nobody took them."}))

    def _write(self) -> None:
        while True:
            rest = (self._waiting.get() + "\n").encode(errors="backslashreplace")
            with contextlib.suppress(OSError):  # the reader has gone, and there is nobody to tell
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
            self._waiting.task_done()
