// Runs the browser tests, all or the files that are named, against one cluster: `npm run browser [FILES]`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Cluster } from "./cluster.js";

const HERE = dirname(fileURLToPath(import.meta.url));
/** Of the whole run. A hanging browser must not hang a build. */
const LONGEST_MS = 300_000;

const named = process.argv.slice(2);
const files = named.length > 0 ? named : readdirSync(HERE).filter((name) => name.endsWith(".test.js")).map((name) => join(HERE, name));
const cluster = Cluster.start();
try {
  // They end with this process, however it ends.
  const tests = spawn("setpriv", ["--pdeathsig", "TERM", process.execPath, "--test", "--test-concurrency=3", "--test-reporter=spec", ...files], {
    stdio: "inherit", env: { ...process.env, ALYX_PAGE_CLUSTER: cluster.folder }, timeout: LONGEST_MS,
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => tests.kill(signal));
  const [code] = await once(tests, "exit");
  process.exitCode = code ?? 1;
} finally {
  await cluster.stop();
}
