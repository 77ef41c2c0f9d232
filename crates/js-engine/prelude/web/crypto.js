// crypto: random bytes, and the hashes and HMAC of SubtleCrypto.

import { define } from "./index.js";

const HASHES = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"];

export function installCrypto(engine) {
  class CryptoKey {
    #bytes;

    constructor(bytes, hash, usages, extractable) {
      this.#bytes = bytes;
      this.type = "secret";
      this.algorithm = { name: "HMAC", hash: { name: hash }, length: bytes.length * 8 };
      this.usages = usages;
      this.extractable = extractable;
    }

    /** Only for what is defined here: the engine calls it with its own token. */
    static bytesOf(key) {
      return key.#bytes;
    }
  }
  const { bytesOf } = CryptoKey;
  delete CryptoKey.bytesOf;

  const subtle = {
    async digest(algorithm, data) {
      return engine.digest(hashOf(algorithm), bytes(data)).buffer;
    },

    async importKey(format, key, algorithm, extractable, usages) {
      if ((algorithm?.name ?? algorithm) !== "HMAC") throw unsupported(`importKey for ${JSON.stringify(algorithm?.name ?? algorithm)}`, "HMAC");
      if (format === "raw") return new CryptoKey(bytes(key).slice(), hashOf(algorithm.hash), usages, extractable);
      if (format === "jwk" && key?.kty === "oct") return new CryptoKey(fromBase64Url(key.k), hashOf(algorithm.hash), usages, extractable);
      throw unsupported(`key format ${JSON.stringify(format)}`, "raw and jwk");
    },

    async sign(algorithm, key, data) {
      mayUse(key, "sign");
      return mac(algorithm, key, data).buffer;
    },

    async verify(algorithm, key, signature, data) {
      mayUse(key, "verify");
      const [given, expected] = [bytes(signature), mac(algorithm, key, data)];
      // The time does not depend on where the first difference is.
      let differs = given.length ^ expected.length;
      for (let i = 0; i < expected.length; i++) differs |= expected[i] ^ (given[i] ?? 0);
      return differs === 0;
    },
  };

  function mayUse(key, usage) {
    if (!key?.usages?.includes(usage)) throw new DOMException(`the key is not meant to ${usage}: importKey takes its usages`, "InvalidAccessError");
  }

  function mac(algorithm, key, data) {
    if ((algorithm?.name ?? algorithm) !== "HMAC" || !(key instanceof CryptoKey)) throw unsupported("this algorithm", "HMAC with an imported key");
    return engine.hmac(key.algorithm.hash.name, bytesOf(key), bytes(data));
  }

  define("CryptoKey", CryptoKey);
  define("crypto", {
    subtle,

    getRandomValues(array) {
      const random = engine.randomBytes(array.byteLength);
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random);
      return array;
    },

    randomUUID() {
      const random = engine.randomBytes(16);
      random[6] = (random[6] & 15) | 64;
      random[8] = (random[8] & 63) | 128;
      const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    },
  });
}

function hashOf(algorithm) {
  const name = String(algorithm?.name ?? algorithm).toUpperCase();
  if (!HASHES.includes(name)) throw unsupported(`hash ${JSON.stringify(name)}`, HASHES.join(", "));
  return name;
}

function bytes(data) {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new TypeError("expected an ArrayBuffer or a view of one; text becomes bytes by new TextEncoder().encode(text)");
}

function fromBase64Url(text) {
  return Uint8Array.from(atob(String(text).replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

function unsupported(what, instead) {
  const error = new Error(`${what} is not supported: ${instead}`);
  error.name = "NotSupportedError";
  return error;
}
