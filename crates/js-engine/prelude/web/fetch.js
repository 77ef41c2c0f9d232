// fetch, Headers, Response and AbortController over the host function http_fetch; in a self-contained plugin over Extism's
// http_request.

import { define } from "./index.js";

export function installFetch(engine) {
  class Headers {
    /** Lists of values by name in lower case. */
    #lists = new Map();

    constructor(init) {
      if (init === undefined || init === null) return;
      const entries = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
      for (const [name, value] of entries) for (const one of Array.isArray(value) ? value : [value]) this.append(name, one);
    }

    append(name, value) {
      const key = nameOf(name);
      this.#lists.set(key, [...(this.#lists.get(key) ?? []), valueOf(name, value)]);
    }

    delete(name) {
      this.#lists.delete(nameOf(name));
    }

    get(name) {
      return this.#lists.get(nameOf(name))?.join(", ") ?? null;
    }

    getSetCookie() {
      return [...(this.#lists.get("set-cookie") ?? [])];
    }

    has(name) {
      return this.#lists.has(nameOf(name));
    }

    set(name, value) {
      this.#lists.set(nameOf(name), [valueOf(name, value)]);
    }

    forEach(visit, self) {
      for (const [name, value] of this) visit.call(self, value, name, this);
    }

    *entries() {
      for (const [name, list] of [...this.#lists].sort(([a], [b]) => (a < b ? -1 : 1))) {
        // A cookie may hold a comma: each stays on its own.
        if (name === "set-cookie") for (const one of list) yield [name, one];
        else yield [name, list.join(", ")];
      }
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

    /** The bytes for a clone. */
    unread() {
      if (this.bodyUsed) throw new TypeError("the body has been read already");
      return this.#bytes.slice();
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

  Request.prototype.clone = function clone() {
    this.unread();
    return new Request(this);
  };

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

    clone() {
      return new Response(this.unread(), this);
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

function nameOf(name) {
  const text = String(name);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)) throw new TypeError(`${JSON.stringify(text)} is no name of a header`);
  return text.toLowerCase();
}

function valueOf(name, value) {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\n\r]/.test(text)) throw new TypeError(`the value of header ${name} holds a line break or NUL`);
  return text;
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
