// Stripe's signature: `t=<seconds>,v1=<hex>`, where v1 is the HMAC-SHA-256 of `<seconds>.<body>`. While a secret is rolled
// there is a v1 of each.

/** Older ones may have been recorded and sent again. */
const TOLERANCE_MS = 300_000;

export async function isSigned(body: string, header: string | undefined, secret: string, nowMs: number): Promise<boolean> {
  const parts = (header ?? "").split(",").map((part) => part.trim().split("=", 2) as [string, string?]);
  const time = parts.find(([name]) => name === "t")?.[1] ?? "";
  const signatures = parts.filter(([name]) => name === "v1").map(([, hex]) => fromHex(hex ?? ""));
  if (!/^\d+$/.test(time) || Math.abs(nowMs - Number(time) * 1000) > TOLERANCE_MS) return false;

  const text = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", text.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const signed = text.encode(`${time}.${body}`);
  for (const signature of signatures) {
    // verify compares in constant time.
    if (signature !== undefined && (await crypto.subtle.verify("HMAC", key, signature, signed))) return true;
  }
  return false;
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-f]{64}$/.test(hex)) return undefined;
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
