// Modules of Node.js: a function does not run there. Which they are, and what to use in their place.

import { builtinModules } from "node:module";

const INSTEAD = {
  assert: "npm install assert, or throw an error",
  buffer: "npm install buffer, or use Uint8Array",
  child_process: "a function cannot start programs",
  crypto: "the global crypto has randomUUID, getRandomValues and subtle (digest, HMAC)",
  dns: "a function reaches the network through fetch",
  events: "npm install events",
  fs: "a function has no files: import data (JSON, or text with a loader) or keep it in a table",
  http: "use fetch; the manifest's allowed_hosts says what it may reach",
  https: "use fetch; the manifest's allowed_hosts says what it may reach",
  net: "a function reaches the network through fetch",
  os: "a function knows nothing of the server",
  path: "npm install path-browserify",
  process: "use ctx.env for environment values",
  querystring: "use URLSearchParams",
  stream: "npm install readable-stream",
  string_decoder: "use TextDecoder",
  tls: "a function reaches the network through fetch",
  url: "use the global URL",
  util: "npm install util",
  worker_threads: "a function has one thread",
  zlib: "npm install pako",
};

/** The name of a Node.js module without `node:` and without a path inside; undefined when it is none. */
export function nodeModule(specifier) {
  const isMarked = specifier.startsWith("node:");
  const name = (isMarked ? specifier.slice(5) : specifier).split("/")[0];
  return isMarked || builtinModules.includes(name) ? name : undefined;
}

/** What to do about it, as a sentence. */
export function inPlaceOf(name) {
  const hint = INSTEAD[name];
  return hint === undefined ? "Look for a package that works in browsers." : `Instead: ${hint}.`;
}
