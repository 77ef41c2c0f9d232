#!/usr/bin/env node
// alyx-build: the command line of the build.

import { main } from "../build/cli.js";

process.exitCode = await main(process.argv.slice(2));
