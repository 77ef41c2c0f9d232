// The build as a library; `alyx-build` is its command line.

export interface BuildOptions {
  /** A folder or the entry file; the current folder when it is left out. */
  path?: string;
  /** Where the module goes; `plugin.wasm` in the folder. */
  out?: string;
  /** A plugin that holds the engine itself and runs in any Extism host; without ctx.db and the other host functions. */
  standalone?: boolean;
  /** Without white space; true when it is left out. */
  minify?: boolean;
  /** Type checks with the project's TypeScript. */
  types?: boolean;
  /** Folder of engine.wasm; the package's own when it is left out. */
  engine?: string;
}

export interface Built {
  wasm: Uint8Array;
  /** Exports of the module. */
  names: string[];
  /** `export const config`, when there is one. */
  manifest?: object;
  /** The bundle and its source map. */
  code: string;
  map: string;
  warnings: Problem[];
}

export interface Problem {
  text: string;
  file?: string;
  /** From 1. */
  line?: number;
  column?: number;
  length?: number;
  source?: string;
  notes?: string[];
}

/** Builds and writes a module. Throws a BuildError for what its author can mend. */
export function build(options?: BuildOptions): Promise<Built & { out: string; entry: string; dir: string }>;

export class BuildError extends Error {
  readonly problems: Problem[];
}

/** A problem as text, with the line of source that it is about. */
export function format(problem: Problem, cwd?: string, severity?: string): string;

export class SourceMap {
  constructor(json: string | object);
  find(line: number, column: number): { file: string; line: number; column: number } | undefined;
}

/** A stack of the engine with the bundle's places replaced by those of the sources. */
export function mapStack(stack: string, map: SourceMap): string;
