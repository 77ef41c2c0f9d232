// TextEncoder, and TextDecoder for UTF-8, UTF-16 (little endian) and windows-1252, which the web also calls latin1.

import { define } from "./index.js";

const LABELS = {
  "utf-8": ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"],
  "utf-16le": ["utf-16le", "utf-16", "csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff"],
  "windows-1252": ["windows-1252", "latin1", "l1", "ascii", "us-ascii", "ansi_x3.4-1968", "iso-8859-1", "iso8859-1", "iso88591", "cp1252", "x-cp1252", "cp819", "ibm819"],
};

/** What windows-1252 has at 0x80 to 0x9f. */
const C1 = "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

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

  /** The text of whole characters; undefined where `fatal` and the bytes are wrong. */
  const decoders = {
    "utf-8": (bytes, fatal) => engine.utf8Decode(bytes, fatal),
    "utf-16le": (bytes, fatal) => {
      let text = "";
      for (let at = 0; at + 1 < bytes.length; at += 2) text += String.fromCharCode(bytes[at] | (bytes[at + 1] << 8));
      if (bytes.length % 2 === 1) text += "\ud800";
      return fatal && !text.isWellFormed() ? undefined : text.toWellFormed();
    },
    "windows-1252": (bytes) => Array.from(bytes, (byte) => (byte >= 0x80 && byte < 0xa0 ? C1[byte - 0x80] : String.fromCharCode(byte))).join(""),
  };

  /** How many bytes at the end belong to a character that the next piece may complete. */
  const unfinished = {
    "utf-8": (bytes) => {
      for (let back = 1; back <= Math.min(3, bytes.length); back++) {
        const byte = bytes[bytes.length - back];
        if (byte >= 0xc2 && byte <= 0xf4) {
          const open = back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2);
          // One U+FFFD: all of it is the beginning of a character.
          return open && engine.utf8Decode(bytes.subarray(bytes.length - back)).length === 1 ? back : 0;
        }
        if (byte < 0x80 || byte > 0xbf) return 0;
      }
      return 0;
    },
    "utf-16le": (bytes) => {
      const odd = bytes.length % 2;
      const last = bytes[bytes.length - odd - 1];
      return last !== undefined && (last & 0xfc) === 0xd8 ? odd + 2 : odd;
    },
    "windows-1252": () => 0,
  };

  class TextDecoder {
    #encoding;
    #fatal;
    #keepsMark;
    #rest = new Uint8Array();
    #begun = false;

    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      const name = String(label).trim().toLowerCase();
      this.#encoding = Object.keys(LABELS).find((one) => LABELS[one].includes(name));
      if (this.#encoding === undefined) throw new RangeError(`encoding ${JSON.stringify(label)} is not supported: ${Object.keys(LABELS).join(", ")} are`);
      this.#fatal = Boolean(fatal);
      this.#keepsMark = Boolean(ignoreBOM);
    }

    get encoding() {
      return this.#encoding;
    }

    get fatal() {
      return this.#fatal;
    }

    get ignoreBOM() {
      return this.#keepsMark;
    }

    decode(input = new Uint8Array(), { stream = false } = {}) {
      let bytes = ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
      if (this.#rest.length > 0) {
        const joined = new Uint8Array(this.#rest.length + bytes.length);
        joined.set(this.#rest);
        joined.set(bytes, this.#rest.length);
        bytes = joined;
      }
      const kept = stream ? unfinished[this.#encoding](bytes) : 0;
      this.#rest = bytes.slice(bytes.length - kept);
      let text = decoders[this.#encoding](bytes.subarray(0, bytes.length - kept), this.#fatal);
      const first = !this.#begun;
      this.#begun = stream && (this.#begun || (text ?? "x").length > 0);
      if (text === undefined) {
        this.#rest = new Uint8Array();
        throw new TypeError(`the bytes are not valid ${this.#encoding}`);
      }
      if (first && !this.#keepsMark && this.#encoding !== "windows-1252" && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      return text;
    }
  }

  define("TextEncoder", TextEncoder);
  define("TextDecoder", TextDecoder);
}
