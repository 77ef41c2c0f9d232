"""One connection to PostgreSQL through libpq (ctypes), and what the kernel says its backend has used. No third-party package."""
import ctypes
import glob
import os
import time

_pq = ctypes.CDLL("libpq.so.5")
_handle, _text, _int = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
for _name, _result, _arguments in (
    ("PQconnectdb", _handle, [_text]), ("PQstatus", _int, [_handle]), ("PQerrorMessage", _text, [_handle]),
    ("PQexec", _handle, [_handle, _text]), ("PQresultStatus", _int, [_handle]), ("PQgetvalue", _text, [_handle, _int, _int]),
    ("PQntuples", _int, [_handle]), ("PQnfields", _int, [_handle]), ("PQclear", None, [_handle]),
    ("PQfinish", None, [_handle]), ("PQbackendPID", _int, [_handle]),
):
    getattr(_pq, _name).restype = _result
    getattr(_pq, _name).argtypes = _arguments


class DatabaseError(Exception):
    """What the server, or libpq, said."""


class Connection:
    """A backend of its own; closing it waits until the backend is gone, so that it cannot disturb the next sample."""

    def __init__(self, dsn, *setup):
        self._connection = _pq.PQconnectdb(dsn.encode())
        if _pq.PQstatus(self._connection) != 0:
            raise DatabaseError(self._error())
        self.pid = _pq.PQbackendPID(self._connection)
        for sql in setup:
            self.query(sql)

    def _error(self):
        return _pq.PQerrorMessage(self._connection).decode().strip()

    def query(self, sql):
        """Runs `sql` (text or bytes, several statements allowed) and returns the rows of the last one, as text."""
        result = _pq.PQexec(self._connection, sql if isinstance(sql, bytes) else sql.encode())
        try:
            if _pq.PQresultStatus(result) not in (0, 1, 2):     # empty, command, rows
                raise DatabaseError(self._error())
            columns = range(_pq.PQnfields(result))
            return [[_pq.PQgetvalue(result, row, column).decode() for column in columns] for row in range(_pq.PQntuples(result))]
        finally:
            _pq.PQclear(result)

    def value(self, sql):
        return self.query(sql)[0][0]

    def timed(self, sql):
        """(wall seconds, seconds the backend was on a CPU; 0 where the kernel does not tell)."""
        text = sql.encode()
        cpu, start = self._cpu_seconds(), time.perf_counter()
        self.query(text)
        return time.perf_counter() - start, self._cpu_seconds() - cpu

    def _cpu_seconds(self):
        spent = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"):
            try:
                with open(path) as file:
                    spent += int(file.read().split()[0])
            except OSError:
                pass        # a thread that has just ended
        return spent / 1e9

    def close(self):
        _pq.PQfinish(self._connection)
        deadline = time.monotonic() + 5
        while os.path.exists(f"/proc/{self.pid}") and time.monotonic() < deadline:
            time.sleep(0.001)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
