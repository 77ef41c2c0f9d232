// A database with the extension, functions of the role dev, and a gateway in front of it, all real. Knows no browser.

import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { openAsBlob } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AUTHENTICATOR, PORT, program, variable } from "./cluster.js";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../../..");
const SECRET = "a secret of the tests, of thirty-two bytes or more";
const PATIENCE_MS = 20_000;

/** Asks again and again until the answer is truthy, and gives it. */
export async function until(what, ask) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await pause(50);
  }
}

/** A token that the gateway believes, unless the secret is another. */
export function sign(claims, secret = SECRET) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

export class House {
  #gateway = null;
  #log = "";

  /** `name` is the database's. */
  static async open(name) {
    const house = new House(name);
    house.sql(`CREATE DATABASE ${name}`, "postgres", "postgres");
    house.sql(`CREATE EXTENSION alyx_functions; GRANT USAGE ON LANGUAGE wasm TO dev, other;
      GRANT USAGE, CREATE ON SCHEMA public TO dev, other; CREATE SCHEMA blog AUTHORIZATION dev`);
    await house.start();
    return house;
  }

  constructor(name) {
    this.database = name;
    this.socket = variable("ALYX_PAGE_CLUSTER");
    this.port = 0;
  }

  /** Runs statements, each in a transaction of its own where `\;` does not join them; gives rows of columns cut by `|`. */
  sql(text, role = "postgres", database = this.database) {
    return execFileSync(program("psql"), this.#psql(role, database), { input: text, encoding: "utf8", stdio: ["pipe", "pipe", "inherit"] }).trim();
  }

  /** The same, without waiting: a session that lasts as long as its statements, or until it is killed. */
  session(text, role = "postgres") {
    const child = spawn(program("psql"), this.#psql(role, this.database), { stdio: ["pipe", "ignore", "ignore"] });
    child.stdin.end(text);
    return child;
  }

  #psql(role, database) {
    return ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", this.socket, "-p", String(PORT), "-U", role, "-d", database];
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the gateway, again on the port it had. It ends with this process. */
  async start() {
    const alyx = process.env.ALYX_BIN ?? join(ROOT, "target/debug/alyx");
    const args = ["--pdeathsig", "KILL", alyx, "serve", "--listen", `127.0.0.1:${this.port}`, "--jwt-secret", SECRET, "--anonymous-role", "anon", "--log-format", "json"];
    const url = `host=${this.socket} port=${PORT} user=${AUTHENTICATOR} dbname=${this.database}`;
    this.#gateway = spawn("setpriv", args, { env: { ...process.env, DATABASE_URL: url }, stdio: ["ignore", "ignore", "pipe"] });
    const lines = createInterface({ input: this.#gateway.stderr });
    await new Promise((resolve, reject) => {
      lines.on("line", (line) => {
        this.#log += `${line}\n`;
        const address = /"address":"http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (address) resolve((this.port = Number(address[1])));
      });
      lines.on("close", () => reject(new Error(`the gateway ended:\n${this.#log}`)));
    });
  }

  /** Ends the gateway, as its process manager would. */
  async stop() {
    if (this.#gateway?.exitCode !== null) return;
    const ended = once(this.#gateway, "exit");
    this.#gateway.kill("SIGTERM");
    await ended;
  }

  token(role = "dev") {
    return sign({ role, sub: `${role}@example.com` });
  }

  /** One request; what is answered, whatever its status. */
  async request(method, path, { role = "dev", body } = {}) {
    const headers = { authorization: `Bearer ${this.token(role)}` };
    const isForm = body instanceof FormData;
    if (body !== undefined && !isForm) headers["content-type"] = "application/json";
    const response = await fetch(this.origin + path, { method, headers, body: isForm ? body : JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, id: response.headers.get("x-invocation-id"), body: text === "" ? null : JSON.parse(text) };
  }

  async items(path, role = "dev") {
    return (await this.request("GET", `/admin/v1/${path}`, { role })).body.items;
  }

  /** Deploys a built example, under this name. */
  async deploy(name, guest, manifest = "", role = "dev") {
    const form = new FormData();
    form.set("name", name);
    form.set("wasm", await openAsBlob(join(variable("ALYX_TEST_GUESTS"), `${guest}.wasm`)));
    form.set("manifest", manifest);
    const { status, body } = await this.request("POST", "/functions/v1/deploy", { role, body: form });
    if (status > 201) throw new Error(`deploy of ${name}: ${status} ${JSON.stringify(body)}`);
  }

  call(name, input, role = "dev") {
    return this.request("POST", `/functions/v1/${name}`, { role, body: input });
  }

  /** Makes a job, and gives its id. */
  enqueue(name, input, when = "now()", role = "dev") {
    return this.sql(`SELECT fn_enqueue('${name}', '${JSON.stringify(input).replaceAll("'", "''")}', ${when})`, role);
  }

  /** What has happened is seen now, and not when the manager comes round. */
  drain() {
    this.sql("SELECT alyx._drain()");
  }

  /** The table that the example create-post writes into. Without it each call of it fails. */
  createPosts() {
    this.sql("CREATE TABLE blog.posts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, slug text NOT NULL UNIQUE, body text NOT NULL, author text NOT NULL)", "dev");
  }
}
