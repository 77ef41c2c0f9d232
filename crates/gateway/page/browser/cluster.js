// A PostgreSQL cluster that is thrown away: preloads the extension, listens on a socket only, and is stopped and removed
// when this process ends, however it ends.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** Of the port only the socket's name is made. */
export const PORT = 5432;
export const AUTHENTICATOR = "authenticator";
/** Two roles that may deploy, one that calls, one of those without a token. */
export const ROLES = ["dev", "other", "app_user", "anon"];

const SETTINGS = [
  "shared_preload_libraries=alyx_functions", "listen_addresses=''", `port=${PORT}`, "fsync=off", "max_connections=150",
  "max_worker_processes=60", "alyx_functions.max_workers=8", "alyx_functions.max_databases=40",
];

export function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with \`cargo xtask test\`, or as README.md says`);
  return value;
}

export function program(name) {
  return join(variable("ALYX_TEST_BIN"), name);
}

/** A command line for the user that runs servers: PostgreSQL refuses to run as root. */
function asServerUser(command) {
  const user = process.env.ALYX_TEST_OS_USER;
  if (!user || user === userInfo().username) return command;
  return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--", ...command];
}

function run(command, stdio = "ignore") {
  const [file, ...rest] = asServerUser(command);
  return execFileSync(file, rest, { cwd: "/", env: { ...process.env, HOME: "/tmp" }, stdio, encoding: "utf8" });
}

export class Cluster {
  static start() {
    const folder = run(["mktemp", "-d", join(tmpdir(), "alyx-page-XXXXXX")], ["ignore", "pipe", "inherit"]).trim();
    const cluster = new Cluster(folder);
    run([program("initdb"), "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "-D", cluster.data], ["ignore", "ignore", "inherit"]);
    const options = [`unix_socket_directories='${folder}'`, ...SETTINGS].map((setting) => `-c ${setting}`).join(" ");
    // Output goes to a file and not to a pipe, which the server would keep open.
    run([program("pg_ctl"), "start", "--wait", "-D", cluster.data, "--log", join(folder, "log"), "-o", options]);
    const roles = [`CREATE ROLE ${AUTHENTICATOR} LOGIN NOINHERIT`, ...ROLES.map((role) => `CREATE ROLE ${role} LOGIN; GRANT ${role} TO ${AUTHENTICATOR}`)];
    execFileSync(program("psql"), ["-X", "-q", "-h", folder, "-p", PORT, "-U", "postgres", "-d", "postgres", "-c", roles.join("; ")], { stdio: ["ignore", "ignore", "inherit"] });
    return cluster;
  }

  constructor(folder) {
    this.folder = folder;
    this.data = join(folder, "data");
    // Reads until this process ends, and the pipe with it. In a session of its own, where Ctrl-C does not reach it.
    const script = 'cat; "$0" stop --wait --mode immediate -D "$1/data"; rm -rf "$1"';
    const [file, ...rest] = asServerUser(["/bin/sh", "-c", script, program("pg_ctl"), folder]);
    const nowhere = openSync("/dev/null", "w");
    this.watcher = spawn(file, rest, { cwd: "/", detached: true, stdio: ["pipe", nowhere, nowhere] });
  }

  async stop() {
    const ended = once(this.watcher, "exit");
    this.watcher.stdin.end();
    await ended;
  }
}
