// What is evaluated before the engine's snapshot is taken: the web's part, then ours. C calls it with the object that it
// lends (engine/host.c), which nobody else gets.

import { install } from "./alyx/index.js";
import { installWeb } from "./web/index.js";

export default function start(engine) {
  installWeb(engine);
  install(engine);
}
