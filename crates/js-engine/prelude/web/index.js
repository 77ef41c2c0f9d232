// The part of the web platform that functions find: console, text encoding, URLs, timers, randomness, fetch. Each file
// stands for one interface; what costs memory and is rarely used is made when it is first touched.

import "./platform.js";
import { installAbort } from "./abort.js";
import { installConsole } from "./console.js";
import { installCrypto } from "./crypto.js";
import { installEvents } from "./events.js";
import { installExtism } from "./extism.js";
import { installFetch } from "./fetch.js";
import { installText } from "./text.js";
import { installTimers } from "./timers.js";

export function installWeb(engine) {
  define("self", globalThis);
  installConsole(engine);
  installText(engine);
  installTimers(engine);
  installEvents();
  installAbort();
  installCrypto(engine);
  installExtism(engine);
  installFetch(engine);
}

/** Defines a global as the platform has it: writable, configurable, not enumerable. */
export function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
