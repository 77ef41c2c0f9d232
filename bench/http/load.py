"""Load on the gateway: 100 and 1 000 clients, a function beside a plain SQL function through the same gateway.

The plain one stands in a second database whose `alyx._http_call` is PL/pgSQL that does what PostgREST does for an RPC:
settings, role, one SQL function, JSON out. Both gateways run at once and are measured in turns, by wrk (Debian's).
CPU time and memory of gateway and server are sampled each second; what is printed is a table in Markdown.

    python3 bench/http/load.py --binary target/debug/alyx --postgres target/pg/tree/usr/lib/postgresql/15/bin \\
        --wasm target/pg/guests/slugify.wasm --user postgres [--seconds 60] [--rounds 1]
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

SECRET = "a secret of the bench, of thirty-two bytes or more"
PLAIN = """
CREATE SCHEMA alyx;
GRANT USAGE ON SCHEMA alyx TO PUBLIC;
CREATE FUNCTION public.slug(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('slug', trim(BOTH '-' FROM regexp_replace(lower(input ->> 'title'), '[^a-z0-9]+', '-', 'g'))) $$;
CREATE FUNCTION alyx._http_call(request text, body bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE asked jsonb := request;
BEGIN
    PERFORM set_config('request.jwt.claims', asked #>> '{caller,claims}', true),
            set_config('request.headers', asked #>> '{message,headers}', true),
            set_config('request.method', asked #>> '{message,method}', true),
            set_config('request.path', asked #>> '{message,path}', true),
            set_config('role', asked #>> '{caller,role}', true);
    RETURN convert_to(jsonb_build_object('id', asked ->> 'id', 'status', 200, 'replayed', false,
        'headers', '[["content-type", "application/json"]]'::jsonb)::text || E'\\n'
        || public.slug(convert_from(body, 'UTF8')::jsonb)::text, 'UTF8');
END $$;
"""


def token():
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    text = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(
        json.dumps({"role": "app_user", "sub": "u1", "exp": int(time.time()) + 7200}).encode())
    return text + "." + part(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())


def as_user(user, command, **options):
    prefix = ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []
    return subprocess.run(prefix + [str(part) for part in command], check=True, capture_output=True, text=True, **options)


class Cluster:
    """A server of its own, with the library preloaded."""

    def __init__(self, bin_folder, user):
        self.bin, self.user = pathlib.Path(bin_folder).resolve(), user
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="alyx-load-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, user)
        self.data = self.folder / "data"
        as_user(user, [self.bin / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", self.data])
        settings = "-c shared_preload_libraries=alyx_functions -c max_connections=100 -c listen_addresses='' -c unix_socket_directories=" + str(self.folder)
        as_user(user, [self.bin / "pg_ctl", "-D", self.data, "-o", settings, "-l", self.folder / "log", "-w", "start"])

    def psql(self, database, sql, **variables):
        command = [self.bin / "psql", "-h", self.folder, "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-qAt"]
        for name, value in variables.items():
            command += ["-v", f"{name}={value}"]
        return subprocess.run([str(part) for part in command], input=sql, check=True, capture_output=True, text=True).stdout.strip()

    def stop(self):
        as_user(self.user, [self.bin / "pg_ctl", "-D", self.data, "-m", "immediate", "stop"])
        shutil.rmtree(self.folder, ignore_errors=True)

    def pids(self):
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        return [first] + [int(pid) for pid in pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()]


class Gateway:
    """`alyx serve` in front of one database."""

    def __init__(self, binary, cluster, database):
        environment = dict(os.environ, DATABASE_URL=f"host={cluster.folder} user=authenticator dbname={database}", RUST_LOG="warn,alyx_gateway::server=info")
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--jwt-secret", SECRET]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
            if found:
                self.address = found.group(1)
                break

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def cpu_seconds(pids):
    ticks = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pids, field):
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1))
        except (OSError, AttributeError):
            pass
    return total / 1024


def load(gateway, path, clients, seconds, script, pids):
    command = ["wrk", "-t2", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), f"http://{gateway.address}{path}"]
    began = time.time()
    wrk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    samples = []
    while wrk.poll() is None:
        samples.append((time.time() - began, cpu_seconds(pids["gateway"]), memory_mb(pids["gateway"], "Rss"), memory_mb(pids["server"](), "Pss")))
        time.sleep(1)
    result = json.loads(wrk.stdout.read().split("RESULT ")[1].splitlines()[0])
    half = samples[len(samples) // 2:]
    result["gateway_cpu"] = (samples[-1][1] - samples[0][1]) / max(samples[-1][0] - samples[0][0], 1)
    result["gateway_mb"] = (statistics.median(s[2] for s in samples[2:5] or samples), samples[-1][2])
    result["server_mb"] = (statistics.median(s[3] for s in half), samples[-1][3])
    return result


WRK = """
wrk.method = "POST"
wrk.body = '{"title": "Hello, World! How are you today?"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer TOKEN"
done = function(summary, latency, requests)
    io.write(string.format('RESULT {"requests": %d, "seconds": %f, "status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d, "p50": %f, "p95": %f, "p99": %f, "max": %f}\\n',
        summary.requests, summary.duration / 1e6, summary.errors.status, summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--postgres", required=True)
    parser.add_argument("--wasm", required=True)
    parser.add_argument("--user", default="postgres")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, nargs="+", default=[100, 1000])
    given = parser.parse_args()
    cluster = Cluster(given.postgres, given.user)
    gateways = []
    try:
        cluster.psql("postgres", "CREATE DATABASE plain; CREATE DATABASE functions; CREATE ROLE authenticator LOGIN NOINHERIT; CREATE ROLE app_user; GRANT app_user TO authenticator;")
        cluster.psql("plain", PLAIN)
        wasm = pathlib.Path(given.wasm).read_bytes().hex()
        cluster.psql("functions", "CREATE EXTENSION alyx_functions;\n"
                     f"SELECT fn_deploy('slug', decode('{wasm}', 'hex'), E'instances: session\\n');\n"
                     "GRANT EXECUTE ON FUNCTION slug(jsonb) TO app_user;")
        script = cluster.folder / "post.lua"
        script.write_text(WRK.replace("TOKEN", token()))
        kinds = {"plain SQL function": Gateway(given.binary, cluster, "plain"), "wasm function": Gateway(given.binary, cluster, "functions")}
        gateways = list(kinds.values())
        print("| clients | kind | requests/s | p50 ms | p95 ms | p99 ms | errors | gateway CPU | gateway RSS MB, early → end | server PSS MB, middle → end |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for clients in given.clients:
            for kind, gateway in kinds.items():
                pids = {"gateway": [gateway.process.pid], "server": cluster.pids}
                load(gateway, "/functions/v1/slug", 10, 3, script, pids)
                r = load(gateway, "/functions/v1/slug", clients, given.seconds, script, pids)
                errors = sum(r[name] for name in ("status", "connect", "read", "write", "timeout"))
                print(f"| {clients} | {kind} | {r['requests'] / r['seconds']:.0f} | {r['p50']:.1f} | {r['p95']:.1f} | {r['p99']:.1f} | {errors} "
                      f"| {r['gateway_cpu']:.2f} | {r['gateway_mb'][0]:.0f} → {r['gateway_mb'][1]:.0f} | {r['server_mb'][0]:.0f} → {r['server_mb'][1]:.0f} |", flush=True)
    finally:
        for gateway in gateways:
            gateway.stop()
        cluster.stop()


if __name__ == "__main__":
    main()
