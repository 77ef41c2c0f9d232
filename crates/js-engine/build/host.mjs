// The host of an engine that is being initialised: it takes error texts and what is printed, its clock stands still, and
// its random bytes are none.

const decoder = new TextDecoder();
const NOT_SUPPORTED = 52;

export function initialisingHost() {
  const blocks = new Uint8Array(16 << 20);
  const view = new DataView(blocks.buffer);
  const lengths = new Map();
  let next = 64;
  const host = { memory: undefined, error: "", printed: "", imports: undefined };
  const refuse = (name) => () => {
    throw new Error(`host function ${name} is not available while the module is being initialised`);
  };
  const env = {
    alloc(length) {
      const offset = next;
      next += Number(length) + 8;
      if (next + 8 > blocks.length) throw new Error("a message is too long");
      lengths.set(offset, Number(length));
      return BigInt(offset);
    },
    free() {},
    length: (offset) => BigInt(lengths.get(Number(offset)) ?? 0),
    load_u8: (at) => blocks[Number(at)],
    load_u64: (at) => view.getBigUint64(Number(at), true),
    store_u8(at, value) {
      blocks[Number(at)] = value;
    },
    store_u64(at, value) {
      view.setBigUint64(Number(at), BigInt.asUintN(64, value), true);
    },
    error_set(offset) {
      host.error = decoder.decode(blocks.subarray(Number(offset), Number(offset) + (lengths.get(Number(offset)) ?? 0)));
    },
  };
  for (const level of ["trace", "debug", "info", "warn", "error"]) env[`log_${level}`] = () => {};
  const wasi = {
    clock_time_get(_id, _precision, into) {
      new DataView(host.memory.buffer).setBigUint64(into, 0n, true);
      return 0;
    },
    random_get(into, length) {
      new Uint8Array(host.memory.buffer, into, length).fill(0x5a);
      return 0;
    },
    fd_write(_fd, list, count, written) {
      const memory = new DataView(host.memory.buffer);
      let total = 0;
      for (let i = 0; i < count; i++) {
        const [at, length] = [memory.getUint32(list + 8 * i, true), memory.getUint32(list + 8 * i + 4, true)];
        host.printed += decoder.decode(new Uint8Array(host.memory.buffer, at, length));
        total += length;
      }
      memory.setUint32(written, total, true);
      return 0;
    },
  };
  const lend = (functions, missing) => new Proxy({}, { get: (_, name) => functions[name] ?? missing(name) });
  host.imports = {
    "extism:host/env": lend(env, refuse),
    "extism:host/user": lend({}, refuse),
    "alyx:host/memory": {
      load: (offset, at, length) => new Uint8Array(host.memory.buffer, at, length).set(blocks.subarray(Number(offset), Number(offset) + length)),
      store: (offset, at, length) => blocks.set(new Uint8Array(host.memory.buffer, at, length), Number(offset)),
    },
    wasi_snapshot_preview1: lend(wasi, () => () => NOT_SUPPORTED),
  };
  return host;
}
