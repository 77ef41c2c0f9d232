// TextEncoder and TextDecoder: UTF-8.

import { define } from "./index.js";

const NAMES = new Set(["utf-8", "utf8", "unicode-1-1-utf-8"]);

export function installText(engine) {
  class TextEncoder {
    get encoding() {
      return "utf-8";
    }

    encode(text = "") {
      return engine.utf8Encode(String(text));
    }

    encodeInto(text, into) {
      let read = 0;
      let written = 0;
      for (const letter of String(text)) {
        const bytes = engine.utf8Encode(letter);
        if (written + bytes.length > into.length) break;
        into.set(bytes, written);
        written += bytes.length;
        read += letter.length;
      }
      return { read, written };
    }
  }

  class TextDecoder {
    #fatal;
    #keepsMark;

    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!NAMES.has(String(label).trim().toLowerCase())) throw new RangeError(`encoding ${JSON.stringify(label)} is not supported: only utf-8 is`);
      this.#fatal = Boolean(fatal);
      this.#keepsMark = Boolean(ignoreBOM);
    }

    get encoding() {
      return "utf-8";
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#keepsMark;
    }

    decode(input = new Uint8Array()) {
      const bytes = ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
      let text = engine.utf8Decode(bytes);
      if (this.#fatal && text.includes("\ufffd") && engine.utf8Encode(text).join() !== bytes.join()) {
        throw new TypeError("the bytes are not valid utf-8");
      }
      if (!this.#keepsMark && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      return text;
    }
  }

  define("TextEncoder", TextEncoder);
  define("TextDecoder", TextDecoder);
}
