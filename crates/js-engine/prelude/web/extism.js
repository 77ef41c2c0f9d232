// The names of Extism's js-pdk, for plugins written for it: Host, Config, Var, Http.

import { define } from "./index.js";

export function installExtism(engine) {
  define("Host", {
    inputString: () => engine.inputText(),
    inputBytes: () => engine.inputBytes().buffer,
    outputString: (text) => engine.outputText(String(text)),
    outputBytes: (bytes) => engine.outputBytes(ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes),
  });
  define("Config", { get: (key) => engine.configGet(String(key)) });
  define("Var", {
    getString: (key) => {
      const bytes = engine.varGet(String(key));
      return bytes === null ? null : engine.utf8Decode(bytes);
    },
    getBytes: (key) => engine.varGet(String(key))?.buffer ?? null,
    set: (key, value) => engine.varSet(String(key), typeof value === "number" ? String(value) : value),
  });
  define("Http", {
    request: (request, body) => {
      const reply = engine.httpRequest(request, body);
      return { status: reply.status, body: engine.utf8Decode(reply.body), headers: reply.headers === null ? {} : JSON.parse(reply.headers) };
    },
  });
}
