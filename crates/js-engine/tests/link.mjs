// link.mjs ENGINE BUNDLE OUT: links a bundle as `alyx-build` does, for the comparison with the extension's linker.

import { readFileSync, writeFileSync } from "node:fs";
import { linkProgram } from "../../../sdk/js/build/link.js";

const [engine, bundle, out] = process.argv.slice(2);
const bundled = { code: readFileSync(bundle, "utf8"), map: '{"version":3,"sources":["a.ts"],"mappings":"AAAA"}' };
writeFileSync(out, linkProgram({ engine: readFileSync(engine), bundled, standalone: false, dir: "." }).wasm);
