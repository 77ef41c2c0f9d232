import assert from "node:assert/strict";
import test from "node:test";
import { load } from "@alyx/functions/testing";

/** A blog.posts of these slugs, with its unique constraint. */
function table(slugs) {
  return (sql, params) => {
    if (sql.startsWith("SELECT")) return slugs.filter((slug) => slug === params[0] || slug.startsWith(params[1].slice(0, -1))).map((slug) => ({ slug }));
    assert.match(sql, /^INSERT INTO "blog"\."posts" \("title", "slug", "body", "author"\)/);
    const [title, slug, body, author] = params;
    if (slugs.includes(slug)) throw Object.assign(new Error("duplicate key"), { code: "23505", constraint: "posts_slug_key" });
    slugs.push(slug);
    return [{ id: slugs.length, title, slug, body, author }];
  };
}

const source = new URL("../src/index.ts", import.meta.url);

test("a title becomes a slug, and the next of the same kind gets a number", async () => {
  const post = await load(source, { db: table([]), auth: { id: "user-42" } });
  assert.deepEqual(await post.call({ title: "Hello, World!" }), { id: 1, slug: "hello-world" });
  assert.deepEqual(await post.call({ title: "hello world" }), { id: 2, slug: "hello-world-2" });
  assert.deepEqual(await post.call({ title: "Straße à la crème" }), { id: 3, slug: "strasse-a-la-creme" });
  assert.equal(post.statements.at(-1).params.at(-1), "user-42");
});

test("a slug that somebody else takes in between is no failure", async () => {
  const slugs = [];
  const answer = table(slugs);
  let looks = 0;
  const post = await load(source, {
    db: (sql, params) => {
      const rows = answer(sql, params);
      if (sql.startsWith("SELECT") && ++looks === 1) slugs.push("first");
      return rows;
    },
  });
  assert.equal((await post.call({ title: "First" })).slug, "first-2");
});

test("other failures of the database reach the caller as they are", async () => {
  const post = await load(source, { db: () => { throw Object.assign(new Error("permission denied for table posts"), { code: "42501" }); } });
  await assert.rejects(post.call({ title: "x" }), { code: "42501", message: "permission denied for table posts" });
});

test("an invalid title is refused with code and field", async () => {
  const post = await load(source);
  await assert.rejects(post.call({ title: "  " }), { code: "38000", column: "title", detail: '{"code":"TITLE_REQUIRED","field":"title"}' });
  await assert.rejects(post.call({ title: "x".repeat(201) }), { column: "title", message: /at most 200/ });
  await assert.rejects(post.call(null), { column: "title" });
});
