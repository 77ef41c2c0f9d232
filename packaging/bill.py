#!/usr/bin/env python3
"""Completes the bills of materials that cargo-cyclonedx and npm have written, and collects the licences of what they list.

What those tools cannot see is added: the JavaScript engine, which is C compiled to WebAssembly, with its prelude; the npm
packages in the gateway's page; Rust's own library. What differs from run to run (times, random numbers, folders) is taken
out. `cargo xtask package` calls it; it needs nothing but Python's own library.
"""

import argparse
import base64
import datetime
import hashlib
import html
import json
import os
import re
import subprocess
import urllib.parse
import uuid
from pathlib import Path

LICENCE_FILE = re.compile(r"(?i)^(licen[cs]e|copying|copyright|notice|unlicense)")
# What of the page's packages ends in the page; the others build and test it.
PAGE_PACKAGES = ("preact", "@preact/signals", "@preact/signals-core", "uplot")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("checkout", "source", "engine", "bills", "licences"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", type=int, required=True)
    options = parser.parse_args()
    folders = crate_folders(options.source / "Cargo.toml")
    engine = engine_parts(options)
    rust = rust_library(options.source)
    page = npm_parts(options.checkout / "crates/gateway/page", PAGE_PACKAGES)
    bills = {
        "alyx_functions": ("alyx_functions.cdx.json", [*engine, rust]),
        # The kits in the package of `alyx` carry the engine.
        "alyx": ("cli/alyx-cli.cdx.json", [*engine, *page, rust]),
        "alyx-functions-npm": ("sdk/js/npm.cdx.json", engine),
    }
    for name, (written, additions) in bills.items():
        bill = complete(options, name, json.loads((options.source / written).read_text()), additions)
        texts = {part["bom-ref"]: part["_text"] for part in additions}
        (options.licences / f"{name}.txt").write_text(collect(bill, texts, folders, options))
        text = json.dumps(bill, indent=1, sort_keys=True, ensure_ascii=False)
        (options.bills / f"{name}-{options.version}.cdx.json").write_text(text + "\n")


def complete(options, name: str, bill: dict, additions: list[dict]) -> dict:
    """The bill with the additions, and nothing in it that another run would write otherwise."""
    subject = bill["metadata"]["component"]
    subject["name"] = {"alyx-functions-npm": "@alyx/functions"}.get(name, name)
    # A crate's targets are no parts that anybody gets by themselves.
    subject.pop("components", None)
    parts = [{key: value for key, value in part.items() if key != "_text"} for part in additions]
    bill["components"] = sorted(bill["components"] + parts, key=lambda part: part["bom-ref"])
    for dependency in bill["dependencies"]:
        if dependency["ref"] == subject["bom-ref"]:
            dependency["dependsOn"] = sorted({*dependency.get("dependsOn", []), *(part["bom-ref"] for part in parts)})
    bill["dependencies"] += [{"ref": part["bom-ref"], "dependsOn": []} for part in parts]
    bill["dependencies"].sort(key=lambda dependency: dependency["ref"])
    time = datetime.datetime.fromtimestamp(options.epoch, datetime.timezone.utc)
    bill["metadata"]["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
    bill.pop("serialNumber", None)
    text = json.dumps(bill, sort_keys=True)
    # Folders of the machine, and of packages that no registry has.
    text = text.replace(f"path+file://{options.source}", "path+file://").replace(str(options.source), "")
    text = re.sub(r"\?download_url=file://[^\"#]*", "", text)
    bill = json.loads(text)
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"
    return bill


def component(ref: str, name: str, version: str, licence: str, text: str, **more) -> dict:
    """One part; `text` are the words of its licence."""
    more.setdefault("type", "library")
    licences = [{"expression": licence}]
    return {"bom-ref": ref, "name": name, "version": version, "purl": ref, "licenses": licences, "_text": text} | more


def engine_parts(options) -> list[dict]:
    """What engine.wasm is made of: crates/js-engine/build.mjs says what it takes from where."""
    crates = crate_folders(options.engine / "fetch/Cargo.toml")
    quickjs = next(path for (name, _), path in crates.items() if name == "rquickjs-sys") / "quickjs"
    mbedtls = next(path for (name, _), path in crates.items() if name == "mbedtls-sys-auto") / "vendor"
    header = (quickjs / "quickjs.h").read_text()
    number = ".".join(re.search(rf"QJS_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))
    header = (mbedtls / "include/mbedtls/version.h").read_text()
    mbedtls_number = re.search(r'MBEDTLS_VERSION_STRING\s+"([^"]+)"', header)[1]
    libc = debian_version("wasi-libc")
    builtins = debian_version("libclang-rt-14-dev-wasm32")
    wasm = (options.engine / "engine.wasm").read_bytes()
    (core_js,) = npm_parts(options.checkout / "crates/js-engine", ("core-js",))
    own = (options.source / "LICENSE").read_text()
    return [
        component(
            f"pkg:generic/alyx/engine.wasm@{options.version}", "engine.wasm", options.version, "Apache-2.0", own,
            type="application", description="The JavaScript engine that all JavaScript functions share",
            hashes=[{"alg": "SHA-256", "content": hashlib.sha256(wasm).hexdigest()}],
        ),
        component(
            f"pkg:github/quickjs-ng/quickjs@v{number}", "quickjs-ng", number, "MIT", (quickjs / "LICENSE").read_text(),
            description="JavaScript engine in C, compiled to WebAssembly into engine.wasm; patched in crates/js-engine/build.mjs",
        ),
        component(
            f"pkg:github/Mbed-TLS/mbedtls@v{mbedtls_number}", "mbedtls", mbedtls_number, "Apache-2.0 OR GPL-2.0-or-later",
            (mbedtls / "LICENSE").read_text(), description="Its hash functions only, compiled into engine.wasm",
        ),
        component(
            package_url("deb/debian/wasi-libc", libc), "wasi-libc", libc,
            "(Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT) AND BSD-2-Clause AND CC0-1.0",
            debian_copyright("wasi-libc"), description="The C library in engine.wasm",
        ),
        component(
            package_url("deb/debian/libclang-rt-14-dev-wasm32", builtins), "compiler-rt", builtins,
            "Apache-2.0 WITH LLVM-exception", debian_copyright("libclang-rt-14-dev-wasm32"),
            description="The compiler's own functions in engine.wasm",
        ),
        core_js,
    ]


def rust_library(source: Path) -> dict:
    version = re.search(r'channel = "([^"]+)"', (source / "rust-toolchain.toml").read_text())[1]
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], cwd=source, check=True, capture_output=True, text=True).stdout
    page = (Path(sysroot.strip()) / "share/doc/rust/COPYRIGHT-library.html").read_text()
    text = re.sub(r"\n{3,}", "\n\n", html.unescape(re.sub(r"<[^>]*>", "", page)))
    return component(f"pkg:github/rust-lang/rust@{version}", "rust standard library", version, "MIT OR Apache-2.0", text)


def npm_parts(folder: Path, names: tuple[str, ...]) -> list[dict]:
    """npm packages that are installed in a folder, and end in what is built there."""
    lock = folder / "package-lock.json"
    packages = json.loads(lock.read_text())["packages"]
    found = []
    for name in names:
        entry = packages.get(f"node_modules/{name}")
        if entry is None:
            raise SystemExit(f"{lock} has no {name}; correct the list in packaging/bill.py")
        digest = entry["integrity"].removeprefix("sha512-")
        ref = f"pkg:npm/{name.replace('@', '%40')}@{entry['version']}"
        hashes = [{"alg": "SHA-512", "content": base64.b64decode(digest).hex()}]
        text = "\n".join(licence_files(folder / "node_modules" / name))
        found.append(component(ref, name, entry["version"], entry["license"], text, hashes=hashes))
    return found


def package_url(name: str, version: str) -> str:
    return f"pkg:{name}@{urllib.parse.quote(version)}"


def debian_version(package: str) -> str:
    return subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", package], check=True, capture_output=True, text=True
    ).stdout.strip()


def debian_copyright(package: str) -> str:
    return Path(f"/usr/share/doc/{package}/copyright").read_text(errors="replace")


def crate_folders(manifest: Path) -> dict[tuple[str, str], Path]:
    """Where cargo has the sources of each crate."""
    cargo = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version=1", "--locked", "--offline"]
    answer = subprocess.run([*cargo, "--manifest-path", manifest], check=True, capture_output=True, text=True).stdout
    packages = json.loads(answer)["packages"]
    return {(one["name"], one["version"]): Path(one["manifest_path"]).parent for one in packages}


def licence_files(folder: Path) -> list[str]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and LICENCE_FILE.match(path.name))
    return [path.read_text(errors="replace") for path in files]


def collect(bill: dict, own: dict[str, str], folders, options) -> str:
    """A list of the parts with their licences, then each text once, with the parts that it belongs to."""
    texts: dict[str, list[str]] = {}
    lines = []
    for part in bill["components"]:
        label = f"{part['name']} {part['version']}"
        lines.append(f"{label}: {expression(part)}")
        folder = folders.get((part["name"], part["version"]))
        is_crate = part.get("purl", "").startswith("pkg:cargo/")
        if part["bom-ref"] in own:
            found = [own[part["bom-ref"]]]
        elif is_crate and folder and not folder.is_relative_to(options.source):
            found = licence_files(folder)
        else:
            found = []
        for text in found:
            texts.setdefault(text.replace("\r\n", "\n").strip(), []).append(label)
    parts = [
        f"What {bill['metadata']['component']['name']} {options.version} contains, and under which licences.",
        "Its own are under the Apache License 2.0. Where a licence is \"A OR B\", either may be chosen.",
        "", *lines, "",
    ]
    for text, labels in texts.items():
        parts += ["=" * 100, "Of " + ", ".join(sorted(set(labels))) + ":", "", text, ""]
    return "\n".join(parts)


def expression(part: dict) -> str:
    words = []
    for entry in part.get("licenses", []):
        licence = entry.get("license", {})
        words.append(entry.get("expression") or licence.get("id") or licence.get("name") or "")
    return " AND ".join(word for word in words if word) or "no licence named"


if __name__ == "__main__":
    main()
