// Reading and writing the parts of WebAssembly's binary format that the build needs.

/** Memory is compared in words of 8 bytes; up to this many equal ones between two differences are copied along. */
const GAP_WORDS = 4;

export function unsigned(value) {
  const out = [];
  do {
    const byte = value % 128;
    value = Math.floor(value / 128);
    out.push(value > 0 ? byte | 128 : byte);
  } while (value > 0);
  return out;
}

export function signed(value) {
  const out = [];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 127;
    rest >>= 7;
    if ((rest === 0 && (byte & 64) === 0) || (rest === -1 && (byte & 64) !== 0)) return [...out, byte];
    out.push(byte | 128);
  }
}

export function string(text) {
  const bytes = Buffer.from(text);
  return [...unsigned(bytes.length), ...bytes];
}

/** One buffer of numbers and arrays of numbers. */
export function bytesOf(...parts) {
  return Buffer.from(parts.flat());
}

export function sections(wasm) {
  const found = [];
  let at = 8;
  while (at < wasm.length) {
    const id = wasm[at++];
    let [length, scale] = [0, 1];
    for (;;) {
      const byte = wasm[at++];
      length += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    found.push({ id, body: wasm.subarray(at, at + length) });
    at += length;
  }
  return found;
}

/** Runs of bytes in which `image` differs from `base`, which counts as zero where it ends. */
export function differences(base, image) {
  const words = new BigUint64Array(image.buffer, image.byteOffset, image.length / 8);
  const before = new BigUint64Array(base.buffer, base.byteOffset, base.length / 8);
  const differs = (word) => words[word] !== (word < before.length ? before[word] : 0n);
  const runs = [];
  for (let word = 0; word < words.length; ) {
    if (!differs(word)) {
      word += 1;
      continue;
    }
    const begin = word;
    let last = word;
    word += 1;
    while (word < words.length && word - last <= GAP_WORDS) {
      if (differs(word)) last = word;
      word += 1;
    }
    runs.push([begin * 8, (last + 1) * 8]);
    word = last + 1;
  }
  return runs;
}
