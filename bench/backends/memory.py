"""What functions add to the private memory of a backend: the first one of a language, and each further one."""
import re


def measure(server, found, put, options):
    for number in range(options.rounds):
        for language in found:
            put(kind="memory", round=number, language=language.prefix, functions=1, **_first(server, language))
    for language in ("javascript", "alyx"):
        for count in options.functions:
            _make(server, language, count)
            for number in range(options.rounds):
                put(kind="memory", round=number, language=f"many_{language}", functions=count, **_many(server, language, count))


def _first(server, language):
    """Alone, and beside a backend that does the same: what both have mapped, as the code of the language, is then nobody's own."""
    call = "SELECT " + language.call("json", """'{"name": "Bob"}'::jsonb""")
    def added():
        with server.connect("SELECT 1", "SELECT jsonb_build_object('name', 'x')") as connection:
            before = _kib(connection.pid)
            connection.query(call)
            first = _kib(connection.pid)
            for _ in range(200):
                connection.query(call)
            later = _kib(connection.pid)
        return {part: first[part] - before[part] for part in before} | {"private_later": later["private"] - before["private"]}
    alone = added()["private"]
    with server.connect(*[call] * 200):
        return added() | {"alone": alone}


def _make(server, language, count):
    """Functions that share neither source nor compiled code."""
    with server.connect("SET client_min_messages = warning") as connection:
        for i in range(count):
            if language == "javascript":
                connection.query(f"CREATE OR REPLACE FUNCTION many_javascript_{i}(j jsonb) RETURNS jsonb LANGUAGE javascript AS $$\n"
                                 f"// alyx: {{instances: session}}\nreturn {{ message: 'Hello {i}, ' + j.name + '!' }} $$")
                continue
            # A custom section with a number in it: other bytes, other code.
            section = bytes([0, 9, 4]) + b"many" + i.to_bytes(4, "little")
            connection.query(f"SELECT fn_deploy('many_{i}', (SELECT wasm || '\\x{section.hex()}'::bytea FROM alyx._module WHERE sha256 ="
                             " (SELECT v.sha256 FROM alyx._version v JOIN alyx._function f ON f.name = v.function AND f.version = v.version"
                             f" WHERE f.name = 'bench_json_session')), 'instances: session');"
                             f"CREATE OR REPLACE FUNCTION many_alyx_{i}(j jsonb) RETURNS jsonb LANGUAGE wasm AS 'many_{i}:greet'")


def _many(server, language, count):
    calls = [f"""SELECT many_{language}_{i}('{{"name": "Bob"}}')""" for i in range(count)]
    with server.connect(*calls), server.connect("SELECT 1", "SELECT jsonb_build_object('name', 'x')") as connection:
        before = _kib(connection.pid)
        for call in calls:
            connection.query(call)
        after = _kib(connection.pid)
    return {part: after[part] - before[part] for part in before}


def _kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        found = {name: int(kib) for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", file.read(), re.M)}
    return {"private": found["Private_Clean"] + found["Private_Dirty"], "pss": found["Pss"], "rss": found["Rss"]}
