// fetch, Headers, Response and AbortController over the host function http_fetch; in a self-contained plugin over Extism's
// http_request.

import { define } from "./index.js";

export function installFetch(engine) {
  class Headers {
    #values = new Map();

    constructor(init) {
      if (init === undefined || init === null) return;
      const entries = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
      for (const [name, value] of entries) this.append(name, value);
    }

    append(name, value) {
      const key = String(name).toLowerCase();
      const before = this.#values.get(key);
      this.#values.set(key, before === undefined ? String(value) : `${before}, ${value}`);
    }

    delete(name) {
      this.#values.delete(String(name).toLowerCase());
    }

    get(name) {
      return this.#values.get(String(name).toLowerCase()) ?? null;
    }

    has(name) {
      return this.#values.has(String(name).toLowerCase());
    }

    set(name, value) {
      this.#values.set(String(name).toLowerCase(), String(value));
    }

    forEach(visit, self) {
      for (const [name, value] of this) visit.call(self, value, name, this);
    }

    *entries() {
      yield* [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
    }

    *keys() {
      for (const [name] of this.entries()) yield name;
    }

    *values() {
      for (const [, value] of this.entries()) yield value;
    }

    [Symbol.iterator]() {
      return this.entries();
    }
  }

  /** What requests and responses have in common: a body that is read once. */
  class Body {
    #bytes;
    bodyUsed = false;

    constructor(body) {
      this.#bytes = toBytes(body);
    }

    #take() {
      if (this.bodyUsed) throw new TypeError("the body has been read already");
      this.bodyUsed = true;
      return this.#bytes;
    }

    async bytes() {
      return this.#take();
    }

    async arrayBuffer() {
      return this.#take().slice().buffer;
    }

    async text() {
      return new TextDecoder().decode(this.#take());
    }

    async json() {
      return JSON.parse(await this.text());
    }
  }

  class Request extends Body {
    constructor(input, init = {}) {
      const from = input instanceof Request ? input : {};
      super(init.body ?? from.sent ?? null);
      this.url = input instanceof Request ? input.url : String(input);
      this.method = String(init.method ?? from.method ?? "GET").toUpperCase();
      this.headers = new Headers(init.headers ?? from.headers);
      this.redirect = init.redirect ?? from.redirect ?? "follow";
      this.signal = init.signal ?? from.signal;
      Object.defineProperty(this, "sent", { value: init.body ?? from.sent ?? null });
      if (this.sent !== null && (this.method === "GET" || this.method === "HEAD")) throw new TypeError(`a ${this.method} request has no body`);
      const type = typeOf(this.sent);
      if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
    }
  }

  class Response extends Body {
    constructor(body = null, { status = 200, statusText = "", headers, url = "" } = {}) {
      super(body);
      this.status = status;
      this.statusText = statusText;
      this.headers = new Headers(headers);
      this.url = url;
      this.type = "default";
      const type = typeOf(body);
      if (type !== undefined && !this.headers.has("content-type")) this.headers.set("content-type", type);
    }

    get ok() {
      return this.status >= 200 && this.status < 300;
    }

    static json(value, init = {}) {
      const headers = new Headers(init.headers);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
      return new Response(JSON.stringify(value), { ...init, headers });
    }
  }

  async function fetch(input, init = {}) {
    const request = new Request(input, init);
    request.signal?.throwIfAborted?.();
    const body = request.sent === null ? null : toBytes(request.sent);
    return engine.standalone ? byExtism(request, body) : byHost(request, body, init);
  }

  function byHost(request, body, init) {
    const asked = { url: request.url, method: request.method, headers: [...request.headers].reduce((all, [k, v]) => ({ ...all, [k]: v }), {}), redirect: request.redirect };
    const timeout = init.timeout_ms ?? request.signal?.timeout_ms;
    if (timeout !== undefined) asked.timeout_ms = timeout;
    if (body !== null) asked.body_base64 = toBase64(body);
    const reply = engine.call("http_fetch", asked);
    if (reply.error !== undefined) {
      const error = new TypeError(`fetch failed: ${reply.error.message}`);
      error.code = reply.error.code;
      if (reply.error.hint) error.hint = reply.error.hint;
      throw error;
    }
    const bytes = reply.body_base64 === undefined ? reply.body ?? "" : fromBase64(reply.body_base64);
    return new Response(bytes, { status: reply.status, headers: reply.headers, url: reply.url ?? request.url });
  }

  function byExtism(request, body) {
    const headers = Object.fromEntries(request.headers);
    const reply = engine.httpRequest({ url: request.url, method: request.method, headers }, body ?? undefined);
    return new Response(reply.body, { status: reply.status, headers: reply.headers ? JSON.parse(reply.headers) : {}, url: request.url });
  }

  define("Headers", Headers);
  define("Request", Request);
  define("Response", Response);
  define("fetch", fetch);
}

function toBytes(body) {
  if (body === null || body === undefined) return new Uint8Array();
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return new TextEncoder().encode(String(body));
}

function typeOf(body) {
  if (typeof body === "string") return "text/plain;charset=UTF-8";
  return globalThis.URLSearchParams !== undefined && body instanceof globalThis.URLSearchParams ? "application/x-www-form-urlencoded;charset=UTF-8" : undefined;
}

function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return btoa(text);
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
