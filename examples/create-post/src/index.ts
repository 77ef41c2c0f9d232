// create-post: validates the input, finds a slug that no other post has, and stores the post as its author's.

import { DatabaseError, type Context, handler } from "@alyx/functions";
import { slugify } from "./slug.ts";

interface Input {
  title?: string;
  body?: string;
}

interface Post {
  id: number;
  title: string;
  slug: string;
  body: string;
  author: string;
}

const TITLE_LIMIT = 200;
/** Others may take the slug between our look and our insert. */
const ATTEMPTS = 5;

export default handler<Input>(async (ctx) => {
  const title = ctx.input?.title?.trim() ?? "";
  if (title === "") throw { code: "TITLE_REQUIRED", message: "a post needs a title", field: "title" };
  if (title.length > TITLE_LIMIT) {
    throw { code: "TITLE_TOO_LONG", message: `a title has at most ${TITLE_LIMIT} characters`, field: "title", limit: TITLE_LIMIT };
  }

  const posts = ctx.db.table<Post>("blog.posts");
  const base = slugify(title);
  for (let attempt = 1; ; attempt++) {
    const slug = await freeSlug(ctx, base);
    try {
      const post = await posts.create({ title, slug, body: ctx.input.body ?? "", author: ctx.auth.id ?? ctx.auth.role });
      ctx.log.info("post created", { id: post.id, slug });
      return { id: post.id, slug: post.slug };
    } catch (error) {
      // The unique constraint decides; all other failures are the caller's to see.
      const isTaken = error instanceof DatabaseError && error.code === "23505";
      if (!isTaken || attempt === ATTEMPTS) throw error;
    }
  }
});

/** `base`, or with the first number that is free. */
async function freeSlug(ctx: Context<Input>, base: string): Promise<string> {
  const { docs } = await ctx.db.table<Post>("blog.posts").list({
    filter: { $or: [{ slug: base }, { slug: { $like: `${base}-%` } }] },
    select: ["slug"],
    total: false,
  });
  const taken = new Set(docs.map((post) => post.slug));
  if (!taken.has(base)) return base;
  let number = 2;
  while (taken.has(`${base}-${number}`)) number++;
  return `${base}-${number}`;
}
