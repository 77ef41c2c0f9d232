// npm packages as users have them: bundled, linked and run.

import assert from "node:assert/strict";
import test from "node:test";
import { load } from "../testing/index.js";
import { failure, project } from "./support.js";

/** Imports at the top level, then a body in a handler. */
async function using(imports, body) {
  return load(project({ "index.ts": `import { handler } from "@alyx/functions";\n${imports}\nexport default handler((ctx) => { ${body} });` }));
}

test("zod", async () => {
  const made = await using('import * as z from "zod"; const Shape = z.object({ a: z.int().min(1), e: z.email() });', "return Shape.parse(ctx.input);");
  assert.deepEqual(await made.call({ a: 2, e: "x@example.com" }), { a: 2, e: "x@example.com" });
  assert.match((await failure(made.call({ a: 0, e: "x" }))).message, /Too small/);
});

test("ajv with formats", async () => {
  const made = await using(
    'import Ajv from "ajv"; import formats from "ajv-formats"; const ajv = new Ajv({ allErrors: true }); formats(ajv); const check = ajv.compile({ type: "object", required: ["d"], properties: { d: { type: "string", format: "date" } } });',
    "return [check(ctx.input), check.errors?.length ?? 0];",
  );
  assert.deepEqual(await made.call({ d: "2026-02-28" }), [true, 0]);
  assert.deepEqual(await made.call({ d: "2026-02-30" }), [false, 1]);
});

test("date-fns", async () => {
  const made = await using('import { addDays, formatISO, parseISO } from "date-fns";', 'return formatISO(addDays(parseISO(ctx.input), 2), { representation: "date" });');
  assert.equal(await made.call("2026-02-27"), "2026-03-01");
});

test("handlebars", async () => {
  const made = await using('import Handlebars from "handlebars"; const greet = Handlebars.compile("Hello {{#each names}}{{this}}{{#unless @last}}, {{/unless}}{{/each}}!");', "return greet(ctx.input);");
  assert.equal(await made.call({ names: ["Ada", "<b>"] }), "Hello Ada, &lt;b&gt;!");
});

test("nanoid: other numbers in each instance", async () => {
  const made = await using('import { nanoid } from "nanoid";', "return nanoid();");
  const [one, other] = [await made.call(), await made.call()];
  assert.match(one, /^[\w-]{21}$/);
  assert.notEqual(one, other);
});

test("uuid", async () => {
  const made = await using('import { v4, v5, validate } from "uuid";', 'const id = v4(); return [id, validate(id), v5("x", v5.URL)];');
  const [one] = await made.call();
  const [other, isValid, named] = await made.call();
  assert.notEqual(one, other);
  assert.equal(isValid, true);
  assert.equal(named, "4cd605e7-afa2-5360-b5b9-c5e9fb5c76f4");
});

test("fast-xml-parser", async () => {
  const made = await using('import { XMLBuilder, XMLParser } from "fast-xml-parser";', "const tree = new XMLParser({ ignoreAttributes: false }).parse(ctx.input); return [tree, new XMLBuilder({ ignoreAttributes: false }).build(tree)];");
  const [tree, text] = await made.call('<order id="7"><item>Tea</item><item>Pot</item></order>');
  assert.deepEqual(tree, { order: { item: ["Tea", "Pot"], "@_id": "7" } });
  assert.equal(text, '<order id="7"><item>Tea</item><item>Pot</item></order>');
});

test("decimal.js", async () => {
  const made = await using('import { Decimal } from "decimal.js";', 'return new Decimal(ctx.input).times("1.19").toFixed(4);');
  assert.equal(await made.call("1234567890123456.78"), "1469135789246913.5682");
});
