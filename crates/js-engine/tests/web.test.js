// The web part of the prelude gives what Node gives.

import assert from "node:assert/strict";
import test from "node:test";
import { inNode, onEngine, program } from "./support.js";

const SAME = {
  "text encodes and decodes": `
    const bytes = (x) => [...x];
    return [bytes(new TextEncoder().encode("aß€😀\\ud800")), new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])),
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])).length,
      new TextDecoder().decode(new Uint8Array([0xe2, 0x82, 97, 0xff])),
      new TextDecoder().decode(new Uint8Array([0xf0, 0x90, 0x41, 0xed, 0xa0, 0x80, 0xc0, 0xaf])),
      new TextDecoder("utf-16le").decode(new Uint8Array([0xe4, 0, 0x3d, 0xd8, 0, 0xde, 0x3d, 0xd8])),
      new TextDecoder("latin1").decode(new Uint8Array([0xe4])),
      new TextDecoder("latin1").encoding, new TextDecoder("UTF8").encoding,
      new TextEncoder().encodeInto("a€b", new Uint8Array(4))];`,
  "invalid bytes are refused when asked": `
    const fatal = (bytes, label = "utf-8") => { try { return new TextDecoder(label, { fatal: true }).decode(new Uint8Array(bytes)); } catch (e) { return e.name; } };
    return [fatal([97]), fatal([0xff]), fatal([0xed, 0xa0, 0x80]), fatal([0xef, 0xbf, 0xbd]), fatal([0, 0xd8, 97, 0], "utf-16le"), fatal([1], "utf-16le")];`,
  "a decoder goes on over pieces": `
    const d = new TextDecoder();
    return [d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac, 97]), { stream: true }), d.decode(new Uint8Array([0xf0]), { stream: true }), d.decode()];`,
  "URLs": `
    const u = new URL("../b?x=1&y=%20z#f", "https://user:pw@EXAMPLE.com:443/a/c/d");
    u.searchParams.append("k", "ä&");
    const bad = ["http://", "http://a b/", "//x", "http://1.2.3.4.5.6.0x/"].map((t) => URL.canParse(t));
    return [u.href, u.origin, u.host, u.pathname, [...u.searchParams], new URL("http://münchen.de/ä").href, new URL("file:///C|/x").href, new URL("http://[::1]:80/").href, new URL("http://0x7f.1/").href, bad,
      new URLSearchParams({ a: "1 2", b: "+" }).toString(), new URLSearchParams("a=1&a=2&b").getAll("a")];`,
  "structured clones": `
    const value = { d: new Date(5), r: /a/gi, m: new Map([[{ k: 1 }, new Set([1n])]]), b: new Uint8Array([1, 2, 3]).subarray(1), e: new RangeError("no"), u: undefined, n: [1, , 3] };
    value.self = value;
    const c = structuredClone(value);
    let refused; try { structuredClone(() => {}); } catch (e) { refused = e.name; }
    return [c !== value, c.self === c, c.d.getTime(), c.d instanceof Date, String(c.r), [...c.m][0][0].k, String([...[...c.m][0][1]][0]), [...c.b], c.e instanceof RangeError, c.e.message, "u" in c, 1 in c.n, refused];`,
  "timers run by their time, microtasks before them": `
    const order = [];
    setTimeout(() => order.push("20"), 20); setTimeout(() => order.push("1"), 1); setTimeout(() => order.push("never"), 5);
    clearTimeout(3); const stop = setTimeout(() => order.push("cleared"), 2); clearTimeout(stop);
    queueMicrotask(() => order.push("micro")); Promise.resolve().then(() => order.push("then")); order.push("sync");
    let n = 0; await new Promise((done) => { const i = setInterval(() => { order.push("tick"); if (++n === 3) { clearInterval(i); done(); } }, 7); });
    await new Promise((done) => setTimeout(done, 30)); return order.filter((x) => x !== "never");`,
  "aborts": `
    const c = new AbortController(); const seen = []; c.signal.addEventListener("abort", (e) => seen.push(e.type)); c.signal.onabort = () => seen.push("on");
    const any = AbortSignal.any([c.signal]); c.abort(); c.abort();
    let thrown; try { c.signal.throwIfAborted(); } catch (e) { thrown = e.name; }
    const t = AbortSignal.timeout(1); await new Promise((r) => setTimeout(r, 5));
    return [seen.sort(), c.signal.aborted, c.signal.reason.name, any.aborted, any.reason.name, thrown, AbortSignal.abort(7).reason, t.aborted, t.reason.name];`,
  "events": `
    const t = new EventTarget(); const seen = []; const f = (e) => { seen.push(e.type + e.cancelable); e.preventDefault(); };
    t.addEventListener("a", f); t.addEventListener("a", f); t.addEventListener("a", { handleEvent() { seen.push("object"); } }, { once: true });
    const first = t.dispatchEvent(new Event("a", { cancelable: true })); t.dispatchEvent(new Event("a")); t.removeEventListener("a", f); t.dispatchEvent(new Event("a"));
    return [seen, first];`,
  "hashes and HMAC": `
    const hex = (b) => [...new Uint8Array(b)].map((x) => x.toString(16).padStart(2, "0")).join("");
    const data = new TextEncoder().encode("abc".repeat(100)); const out = [];
    for (const hash of ["SHA-1", "SHA-256", "SHA-384", "SHA-512"]) {
      out.push(hex(await crypto.subtle.digest(hash, data)), hex(await crypto.subtle.digest({ name: hash.toLowerCase() }, new Uint8Array())));
      for (const length of [1, 64, 200]) {
        const key = await crypto.subtle.importKey("raw", new Uint8Array(length).fill(7), { name: "HMAC", hash }, false, ["sign", "verify"]);
        const mac = await crypto.subtle.sign("HMAC", key, data);
        out.push(hex(mac), await crypto.subtle.verify("HMAC", key, mac, data), await crypto.subtle.verify("HMAC", key, new Uint8Array(mac).fill(0), data), await crypto.subtle.verify("HMAC", key, mac.slice(1), data));
      }
    }
    const jwk = await crypto.subtle.importKey("jwk", { kty: "oct", k: "AAECAwQ", alg: "HS256", ext: true }, { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
    out.push(hex(await crypto.subtle.sign("HMAC", jwk, data)), jwk.type);
    let refused; try { const k = await crypto.subtle.importKey("raw", data, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]); await crypto.subtle.verify("HMAC", k, data, data); } catch (e) { refused = e.name; }
    return [out, refused];`,
  "headers, requests, responses": `
    const h = new Headers([["B", "1"], ["a", " 2 "], ["b", "3"]]); h.append("set-cookie", "x=1"); h.append("set-cookie", "y=2");
    let bad; try { h.append("a b", "x"); } catch (e) { bad = e.name; }
    const r = Response.json({ a: 1 }, { status: 201 }); const q = new Request("https://a.b/c", { method: "post", body: "x" });
    const c = r.clone();
    return [[...h], h.getSetCookie(), bad, r.ok, r.status, r.headers.get("Content-Type"), await r.json(), r.bodyUsed, await c.text(), q.method, q.url, await q.text(), q.headers.get("content-type")];`,
  "base64 and platform": `
    return [btoa("\\xff\\x00a"), atob("/wBh"), typeof performance.now(), typeof DOMException, new DOMException("m", "AbortError").code, crypto.randomUUID().length];`,
};

for (const [name, body] of Object.entries(SAME)) {
  test(name, async () => assert.deepEqual(await onEngine(body), await inNode(body)));
}

test("what Node has otherwise", async () => {
  // Node 20 takes latin1 for ISO-8859-1; the Encoding Standard says windows-1252.
  assert.deepEqual(await onEngine('return [new TextDecoder("latin1").decode(new Uint8Array([0x80, 0x9f])), globalThis === self];'), ["€Ÿ", true]);
});

test("randomness differs between instances, and is refused while initialising", async () => {
  const p = await program("const frozen = Math.random(); export default () => [Math.random(), frozen, crypto.randomUUID()];");
  const [a, b] = [await p.call(), await p.call()];
  assert.notEqual(a[0], b[0]);
  assert.equal(a[1], b[1]);
  assert.notEqual(a[2], b[2]);
  await assert.rejects(program("crypto.randomUUID(); export default () => 1;"), /initialised/);
});
