#!/usr/bin/env python3
"""record.py PLUGINS [--check]: asks the reference Extism host (PyPI `extism`) what every case below answers, into golden.json.

The test that replays golden.json on our runtime is crates/runtime/tests/conformance.rs. With --check nothing is written; the
exit code says whether the reference host still answers the same. It needs: pip install extism==1.1.1; fetch.sh PLUGINS.

A case is one plugin instance and the calls made on it, in order. What is expected is one of
  {"output": text} or {"output_hex": …}       success; a long output that equals the input is {"output_is_input": true}
  {"error": text}                             the guest's own words, set by error_set
  {"exit": code}                              a non-zero result and no words
  {"trap": true}                              the guest was stopped; the reference host says no more than that
  {"refused": reason}                         not callable; the words are not compared
"""
import json
import os
import re
import sys

import extism

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "golden.json")
PDKS = {"1.4.1": "extism:host/user", "1.3.0": "extism:env/user", "1.2.1": "extism:env/user", "1.0.1": "extism:user"}
MEGABYTE = {"repeat": "aeiou, bcdfg; ÄÖÜ. ", "times": 50000}


def case(name, file, calls, **more):
    return {"name": name, "file": file, "calls": calls, **more}


def edge(file, *exports, text=""):
    """One instance for each export of a hand-made module: no case can spoil the next."""
    return [case(f"{file}: {export}", f"edge/{file}.wat", [(export, text)]) for export in exports]


def published():
    for pdk, namespace in PDKS.items():
        code, host_function = f"extism-pdk-{pdk}-code.wasm", f"extism-pdk-{pdk}-host_function.wasm"
        for text in ("this is a test", "", "日本語 ÀÉÎ aeiou 🦊", "a" * 7, "e" * 8, "i" * 9, MEGABYTE):
            label = text if isinstance(text, str) else "one megabyte"
            yield case(f"pdk {pdk} code: {label!r}", code, [("count_vowels", text)])
        yield case(f"pdk {pdk} code: invalid utf-8", code, [("count_vowels", {"hex": "6865fffe6f"})])
        yield case(f"pdk {pdk} code: three calls", code, [("count_vowels", "one"), ("count_vowels", "two"), ("count_vowels", "three")])
        yield case(f"pdk {pdk} code: no such export", code, [("count_consonants", "x")])
        yield case(f"pdk {pdk} host function", host_function, [("count_vowels", "this is a test aaa"), ("count_vowels", "ü")],
                   host_function={"namespace": namespace, "name": "hello_world"})
        yield case(f"pdk {pdk} http: host not allowed", f"extism-pdk-{pdk}-http.wasm",
                   [("http_get", '{"url": "https://example.com/", "headers": {}, "method": "GET"}')])
        yield case(f"pdk {pdk} http: not a request", f"extism-pdk-{pdk}-http.wasm", [("http_get", "not json")])
    for pdk in ("1.4.1", "1.3.0"):
        yield case(f"pdk {pdk} http headers: host not allowed", f"extism-pdk-{pdk}-http_headers.wasm",
                   [("http_get", '{"url": "https://example.com/", "headers": {}, "method": "GET"}')])
    for pdk in ("1.4.1", "1.3.0", "1.2.1"):
        plugin = f"extism-pdk-{pdk}-count_vowels.wasm"
        for text in ("Hello World aeiou AEIOU", "", "Ünïcode, naïve café", MEGABYTE):
            label = text if isinstance(text, str) else "one megabyte"
            yield case(f"pdk {pdk} count_vowels: {label!r}", plugin, [("count_vowels", text)])
        yield case(f"pdk {pdk} count_vowels: invalid utf-8", plugin, [("count_vowels", {"hex": "fffe"})])


def edges():
    yield from edge("errors", "error_and_zero", "error_and_seven", "error_and_trap", "error_and_output", "error_taken_back", "error_nowhere",
                    "error_replaced", "seven", "minus_one", "seven_with_output", "trap", "divide", "fine")
    yield case("errors: an error does not reach the next call", "edge/errors.wat", [("error_and_zero", ""), ("fine", ""), ("seven", ""), ("fine", "")])
    yield from edge("output", "echo", "middle_of_input", "never", "last_wins", "nothing_after_something", "out_of_bounds", "too_long",
                    "freed", "empty_block", text="Hello World!")
    yield case("output: echo of nothing", "edge/output.wat", [("echo", "")])
    yield case("output: one call's output is not the next one's", "edge/output.wat", [("echo", "first"), ("never", "second")])
    yield case("output: bytes", "edge/output.wat", [("echo", {"hex": bytes(range(256)).hex()})])
    yield case("output: one megabyte", "edge/output.wat", [("echo", MEGABYTE)])
    reads = ("length", "has_offset", "block_length", "first_byte", "byte_past_end", "byte_far_away", "word_at_0", "word_at_1", "word_at_3",
             "length_after_free")
    yield from edge("input", *reads, "written_input", "same_memory", text="ABCDEFGHIJ")
    yield from (case(f"input: {export}, empty", "edge/input.wat", [(export, "")]) for export in reads)
    yield from (case(f"input: {export}, eight bytes", "edge/input.wat", [(export, "ABCDEFGH")]) for export in ("word_at_0", "word_at_1", "block_length"))
    yield from edge("memory", "alloc_zero", "length_of_block", "length_unsafe_of_block", "length_of_nothing",
                    "length_unsafe_of_nothing", "length_inside_block", "length_far_away", "length_of_freed", "blocks_apart", "free_twice",
                    "free_nonsense", "load_byte_outside", "load_word_outside", "load_word_wraps", "store_outside", "unaligned_word", "byte_is_cut", "many_blocks")
    v = "edge/variables.wat"
    yield case("variables: set, get, replace, delete", v, [("get", ""), ("set", "one"), ("get", ""), ("set", "second"), ("get", ""), ("delete", ""), ("get", "")])
    yield case("variables: set to nothing deletes", v, [("set", "one"), ("set", ""), ("get", "")])
    for export in ("get_empty_key", "get_bad_key", "set_bad_value", "set_too_much", "replace_half", "config_bad_key", "config_not_utf8"):
        yield case(f"variables: {export}", v, [(export, "")])
    yield case("variables: together too much", v, [("set_half", ""), ("set_other_half", "")])
    yield case("configuration: present and missing", v, [("config", ""), ("config_other", "")], config={"k": "välue"})
    yield case("configuration: empty", v, [("config", "")], config={"k": ""})
    yield from edge("kernel", "output_length", "output_offset", "error_get", "input_set", "reset", text="Hello")
    yield from edge("signatures", "nothing", "zero", "long", "two", "taker", "missing", text="Hello")
    yield case("counter: globals outlive a call", "edge/counter.wat", [("count", ""), ("count", ""), ("fail", ""), ("count", "")])
    for file in ("hs_init", "hs_init_alone", "ctors", "initialize", "start"):
        yield case(f"{file}: order, and once only", f"edge/{file}.wat", [("steps", ""), ("steps", "")])
    yield from edge("early", "nothing", "length_of_early_block")
    yield case("exit: zero keeps the output", "edge/exit.wat", [("exit_zero", "Hello")])
    yield case("exit: three", "edge/exit.wat", [("exit_three", "Hello")])
    yield case("command: _start", "edge/command.wat", [("_start", "Hello")])
    yield from edge("http", "before_any_request")
    yield case("http: host not allowed", "edge/http.wat", [("request", '{"url": "https://example.com/"}')])
    yield case("http: not a request", "edge/http.wat", [("request", "not json")])


def bytes_of(text):
    if isinstance(text, str):
        return text.encode()
    return (text["repeat"] * text["times"]).encode() if "repeat" in text else bytes.fromhex(text["hex"])


def answer(plugin, export, data):
    try:
        output = bytes(plugin.call(export, data))
    except extism.Error as error:
        return outcome_of_error(str(error))
    if len(output) > 4096 and output == data:
        return {"output_is_input": True}
    text = output.decode(errors="replace")
    return {"output": text} if text.isprintable() and text.encode() == output else {"output_hex": output.hex()}


def outcome_of_error(text):
    """The reference host has one string for every kind of failure; its own words tell them apart from a guest's."""
    if code := re.fullmatch(r"Error code: (-?\d+)", text):
        return {"exit": int(code[1])}
    if re.search(r"^Function not found|^expected \d+ arguments|^Function \S+ has \d+ results", text):
        return {"refused": text}
    return {"trap": True} if "wasm backtrace" in text else {"error": text}


def echo_host_function(where):
    @extism.host_fn(name=where["name"], namespace=where["namespace"], signature=([extism.ValType.I64], [extism.ValType.I64]))
    def echo(plugin, inputs, outputs):
        plugin.return_bytes(outputs[0], bytes(plugin.input_bytes(inputs[0])))
    return echo


def record(one, plugins):
    path = os.path.join(HERE if one["file"].startswith("edge/") else plugins, one["file"])
    manifest = {"wasm": [{"data": open(path, "rb").read()}], "config": one.get("config", {})}
    functions = [echo_host_function(one["host_function"])] if "host_function" in one else []
    with extism.Plugin(manifest, wasi=True, functions=functions) as plugin:
        calls = [{"export": export, "input": text, "expect": answer(plugin, export, bytes_of(text))} for export, text in one["calls"]]
    return {**one, "calls": calls}


def main():
    plugins = sys.argv[1]
    cases = [record(one, plugins) for one in (*published(), *edges())]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in cases)
    golden = f'{{"reference": "extism {extism.extism_version()}", "cases": [\n{lines}\n]}}\n'
    if "--check" in sys.argv:
        sys.exit(0 if open(GOLDEN).read() == golden else "golden.json is not what this reference host answers")
    with open(GOLDEN, "w") as file:
        file.write(golden)
    print(f"{len(cases)} cases, {sum(len(one['calls']) for one in cases)} calls")


main()
