// WebAssembly's binary format, as far as the linkers write and read it.

/** Unsigned LEB128. */
export function unsigned(value) {
  const out = [];
  do {
    const byte = value % 128;
    value = Math.floor(value / 128);
    out.push(value === 0 ? byte : byte | 128);
  } while (value !== 0);
  return out;
}

/** `i32.const`; an address above 2 GB is a negative number. */
export function constant(value) {
  const out = [0x41];
  for (let rest = value | 0; ; ) {
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

export function section(id, body) {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from([id, ...unsigned(bytes.length)]), bytes]);
}

export function custom(name, text) {
  return section(0, Buffer.concat([Buffer.from(string(name)), Buffer.from(text)]));
}

export const HEADER = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

/** Reads numbers and bytes one after another. */
export class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  get isAtEnd() {
    return this.at >= this.bytes.length;
  }
  unsigned() {
    for (let value = 0, shift = 1; ; shift *= 128) {
      const byte = this.bytes[this.at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  }
  take(length) {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** Sections of a module: `{ id, body }`. */
export function sections(wasm) {
  const reader = new Reader(wasm, HEADER.length);
  const found = [];
  while (!reader.isAtEnd) {
    const [id] = reader.take(1);
    found.push({ id, body: reader.take(reader.unsigned()) });
  }
  return found;
}

/** Memory is compared in words of so many bytes. */
const WORD = 8;
/** Equal words between two differences that are copied along: shorter than another instruction would be. */
const GAP_WORDS = 4;

/** Where an image differs from a base, as offsets of begin and end; what is beyond the base counts as zero there. */
export function differences(base, image) {
  const before = new BigUint64Array(base.buffer, base.byteOffset, base.length / WORD);
  const after = new BigUint64Array(image.buffer, image.byteOffset, image.length / WORD);
  const differs = (word) => after[word] !== (word < before.length ? before[word] : 0n);
  const runs = [];
  for (let word = 0; word < after.length; ) {
    if (!differs(word)) {
      word++;
      continue;
    }
    const begin = word;
    let last = word++;
    for (; word < after.length && word - last <= GAP_WORDS; word++) if (differs(word)) last = word;
    runs.push([begin * WORD, (last + 1) * WORD]);
    word = last + 1;
  }
  return runs;
}
