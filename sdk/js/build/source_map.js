// Reads source maps (version 3): from a place in the bundle to the place in the source that it came from.

const DIGITS = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].map((digit, value) => [digit, value]));

export class SourceMap {
  #sources;
  /** By line: [column, source, line, column] from 0, in order. */
  #lines;

  constructor(json) {
    const map = typeof json === "string" ? JSON.parse(json) : json;
    this.#sources = map.sources.map((source) => (map.sourceRoot ? `${map.sourceRoot.replace(/\/$/, "")}/${source}` : source));
    this.#lines = decode(map.mappings);
  }

  /** Lines and columns count from 1, as in stacks. Undefined where the bundle has code of its own. */
  find(line, column) {
    const segments = this.#lines[line - 1] ?? [];
    let found;
    for (const segment of segments) {
      if (segment[0] > column - 1) break;
      found = segment;
    }
    if (found === undefined || found.length < 4) return undefined;
    return { file: this.#sources[found[1]], line: found[2] + 1, column: found[3] + 1 };
  }
}

function decode(mappings) {
  const state = [0, 0, 0, 0, 0];
  return mappings.split(";").map((line) => {
    state[0] = 0;
    if (line === "") return [];
    return line.split(",").map((text) => {
      const deltas = numbers(text);
      for (let i = 0; i < deltas.length; i++) state[i] += deltas[i];
      return deltas.length === 1 ? [state[0]] : state.slice(0, 4);
    });
  });
}

/** Base 64 VLQ: five bits a digit, the sixth says that more follow; the lowest bit of a number is its sign. */
function numbers(text) {
  const out = [];
  let value = 0;
  let shift = 0;
  for (const digit of text) {
    const bits = DIGITS.get(digit);
    value += (bits & 31) * 2 ** shift;
    shift += 5;
    if ((bits & 32) === 0) {
      out.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
      value = 0;
      shift = 0;
    }
  }
  return out;
}

/** A stack of the engine with the bundle's places replaced by those of the sources. */
export function mapStack(stack, map) {
  return stack.replace(/\bbundle\.js:(\d+):(\d+)/g, (place, line, column) => {
    const found = map.find(Number(line), Number(column));
    return found === undefined ? place : `${found.file}:${found.line}:${found.column}`;
  });
}
