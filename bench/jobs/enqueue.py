"""What an asynchronous trigger costs the writer: the same INSERT bare, with our trigger, and with one in PL/pgSQL that fills a queue."""

TRIGGERS = {
    "bare": "",
    "alyx": "SELECT fn_attach('bench_job_noop', 'b_target', '{insert}', mode => 'async')",
    "plpgsql": "CREATE TRIGGER enqueue AFTER INSERT ON b_target FOR EACH ROW EXECUTE FUNCTION b_enqueue()",
}
RAN = {
    "bare": "SELECT true",
    "alyx": "SELECT count(*) = (SELECT count(*) FROM b_source) FROM alyx._job",
    "plpgsql": "SELECT count(*) = (SELECT count(*) FROM b_source) FROM b_queue",
}


def measure(server, put, number, dice):
    """One round: seconds per row of each, in any order. Rolled back, so that no worker takes part."""
    for variant in dice.sample(sorted(TRIGGERS), len(TRIGGERS)):
        with server.connect("SET jit = off", "SET client_min_messages = warning", "VACUUM alyx._job", "VACUUM b_queue") as connection:
            connection.query("BEGIN")
            connection.query(TRIGGERS[variant] or "SELECT 1")
            connection.query("SAVEPOINT warm; INSERT INTO b_target SELECT * FROM b_source LIMIT 100; ROLLBACK TO warm")
            wall, cpu = connection.timed("INSERT INTO b_target SELECT * FROM b_source")
            rows = int(connection.value("SELECT count(*) FROM b_source"))
            if connection.value(RAN[variant]) != "t":
                raise AssertionError(f"the trigger \"{variant}\" made not as many jobs as there are rows")
            connection.query("ROLLBACK")
        put(kind="enqueue", round=number, variant=variant, wall=wall / rows, cpu=cpu / rows)
