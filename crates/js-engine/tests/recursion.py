"""Endless recursion on wasmtime with 1 MiB of stack, as the extension gives: a RangeError that JavaScript can catch.

    python tests/recursion.py STANDALONE.wasm       (needs the PyPI package wasmtime)

recursion.test.js builds the plugin and runs this where the package is there.
"""
import struct
import sys

import wasmtime

config = wasmtime.Config()
config.max_wasm_stack = 1 << 20
engine = wasmtime.Engine(config)
module = wasmtime.Module.from_file(engine, sys.argv[1])
store = wasmtime.Store(engine)
blocks, output, failure = {}, [], []
end = [64]


def find(at):
    for start, data in blocks.items():
        if start <= at < start + len(data):
            return data, at - start
    return bytearray(8), 0


def alloc(n):
    at = end[0]
    end[0] += n + 8
    blocks[at] = bytearray(n)
    return at


def store_u8(at, value):
    data, offset = find(at)
    data[offset] = value & 255


def store_u64(at, value):
    data, offset = find(at)
    data[offset:offset + 8] = struct.pack("<Q", value & (1 << 64) - 1)


def env(name):
    known = {
        "alloc": alloc, "store_u8": store_u8, "store_u64": store_u64, "input_length": lambda: 0,
        "output_set": lambda at, n: output.append(bytes(blocks[at][:n])),
        "error_set": lambda at: failure.append(bytes(blocks.get(at, b""))),
    }
    return known.get(name)


def imported(item):
    known = env(item.name) if item.module == "extism:host/env" else None
    results = len(item.type.results)
    return wasmtime.Func(store, item.type, known or (lambda *_: 0 if results else None))


instance = wasmtime.Instance(store, module, [imported(item) for item in module.imports])
bad = 0
for export in module.exports:
    if not isinstance(export.type, wasmtime.FuncType):
        continue
    output.clear(), failure.clear()
    try:
        code = instance.exports(store)[export.name](store)
        told = output[-1].decode() if output else failure[-1].decode() if failure else ""
    except wasmtime.Trap as trap:
        code, told = "trap", str(trap).strip().splitlines()[-1]
        store = wasmtime.Store(engine)
        instance = wasmtime.Instance(store, module, [imported(item) for item in module.imports])
    ok = code == "trap" if export.name.startswith("trap_") else code == 0 and (told.startswith("RangeError") or told == "fine")
    bad += not ok
    print(f"{'ok' if ok else 'NOT OK'} {export.name}: {code} {told[:100]}")
sys.exit(1 if bad else 0)
