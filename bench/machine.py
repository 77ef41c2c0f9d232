"""What the results were measured on, in one line."""
import os
import platform
import time

from connection import Connection


def machine(dsn):
    with Connection(dsn) as connection:
        versions = [connection.value("SELECT split_part(version(), ' on ', 1)")]
        if connection.value("SELECT count(*) FROM pg_extension WHERE extname = 'alyx_functions'") == "1":
            versions.append("alyx_functions, wasmtime, ABI: " + ", ".join(connection.query("SELECT * FROM fn_version()")[0]))
        settings = ", ".join(f"{name} {connection.value(f'SHOW {name}')}" for name in ("fsync", "synchronous_commit", "jit", "shared_buffers", "shared_preload_libraries"))
    with open("/proc/cpuinfo") as file:
        cpu = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{'; '.join(versions)}; {settings}. {cpu}, {os.cpu_count()} cores, Linux {platform.release()}; load {os.getloadavg()[0]:.2f}; {time.strftime('%Y-%m-%d')}."
