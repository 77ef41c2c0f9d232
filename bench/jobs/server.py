"""The server under test: what it is set to, restarts, and what its processes have used. It must be one that may be restarted."""
import os
import pathlib
import subprocess
import threading
import time

from connection import Connection

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Server:
    def __init__(self, dsn):
        self.dsn = dsn
        with self.connect() as connection:
            self._data = pathlib.Path(connection.value("SHOW data_directory"))
            self._socket = connection.value("SHOW unix_socket_directories")
            self._port = connection.value("SHOW port")
            self.database = connection.value("SELECT current_database()")
        self._bin = pathlib.Path(os.environ.get("BENCH_PG_CONFIG", "pg_config")).parent

    def connect(self, *setup):
        return Connection(self.dsn, *setup)

    def value(self, sql):
        with self.connect() as connection:
            return connection.value(sql)

    def set(self, **settings):
        """Settings that a reload is enough for; a dot in a name is written as two underscores."""
        with self.connect() as connection:
            for name, value in settings.items():
                connection.query(f"ALTER SYSTEM SET {name.replace('__', '.')} = '{value}'")
            connection.query("SELECT pg_reload_conf()")
        time.sleep(0.1)

    def restart(self, is_managed=True, **settings):
        """Those of `settings` over the server's own, nothing else left of earlier calls; `is_managed`: the library is preloaded."""
        with self.connect() as connection:
            connection.query("ALTER SYSTEM RESET ALL")
            for name, value in settings.items():
                # A list of libraries is not one name with commas in it.
                text = value if name == "shared_preload_libraries" else f"'{value}'"
                connection.query(f"ALTER SYSTEM SET {name.replace('__', '.')} = {text}")
        owner = self._data.stat()
        as_owner = {} if owner.st_uid == os.getuid() else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        subprocess.run([self._bin / "pg_ctl", "restart", "--wait", "--silent", "--mode=fast", "--pgdata", self._data, "--log", self._data / "bench.log"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", **as_owner)
        if is_managed:
            self.wait("the manager has come", lambda: self.processes("alyx manager"), seconds=30)

    def processes(self, kind):
        with self.connect() as connection:
            return [int(row[0]) for row in connection.query(
                f"SELECT pid FROM pg_stat_activity WHERE backend_type = '{kind}' AND datname = current_database()")]

    def pgbench(self, *arguments):
        """Standard output of a pgbench run."""
        command = [self._bin / "pgbench", "--no-vacuum", "-h", self._socket, "-p", self._port, "-U", "postgres", *arguments, self.database]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    @staticmethod
    def wait(what, condition, seconds=120):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s in vain until {what}")
            time.sleep(0.005)

    @staticmethod
    def cpu_seconds(pids):
        """Time that processes have spent on a CPU."""
        spent = 0
        for pid in pids:
            with open(f"/proc/{pid}/schedstat") as file:
                spent += int(file.read().split()[0])
        return spent / 1e9


def together(*works):
    """Runs functions in threads and gives their results; a failure of one is raised."""
    results, failures = [None] * len(works), []

    def run(number, work):
        try:
            results[number] = work()
        except Exception as error:      # noqa: BLE001, raised below in the thread that waits
            failures.append(error)
    threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results
