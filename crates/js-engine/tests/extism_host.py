"""Runs a self-contained plugin on the reference Extism host: python tests/extism_host.py PLUGIN.wasm FUNCTION INPUT

Needs the PyPI package extism (1.1.1 was used). Prints the output; what fails goes to standard error, exit code 1.
"""
import sys

import extism

with open(sys.argv[1], "rb") as file:
    plugin = extism.Plugin({"wasm": [{"data": file.read()}]}, wasi=True)
try:
    for _ in range(2):  # the second call finds the instance as the first has left it
        sys.stdout.buffer.write(plugin.call(sys.argv[2], sys.argv[3].encode()) + b"\n")
except Exception as error:  # the host raises its own Error
    sys.exit(str(error))
