"""What records and statistics add to a scalar call: the same loop on a server with the library preloaded, and on one without."""

LOOP = "SELECT count(i) FROM generate_series(1, {calls}) i"
WORK = "SELECT count(alyx_session_noop(i)) FROM generate_series(1, {calls}) i"


def measure(server, put, options):
    for number in range(options.rounds):
        for variant in ("with", "without"):
            # ALTER SYSTEM cannot make a list empty: another library, which does nothing, takes its place. There is no manager to wait for.
            server.restart(**({} if variant == "with" else {"shared_preload_libraries": "auto_explain"}), is_managed=variant == "with")
            with server.connect("SET work_mem = '512MB'") as connection:
                connection.query(WORK.format(calls=1000))
                loop, work = [], []
                for _ in range(5):
                    loop.append(connection.timed(LOOP.format(calls=options.calls))[0])
                    work.append(connection.timed(WORK.format(calls=options.calls))[0])
            put(kind="records", round=number, variant=variant, wall=(min(work) - min(loop)) / options.calls)
    server.restart()
