import { handler } from "@alyx/functions";

/** `Crème Brûlée!` becomes `creme-brulee`. */
const slugOf = (title: string): string => {
  const plain = title.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "") || "untitled";
};

export default handler((ctx) => {
  // Called with an input (`alyx invoke`) there is no row.
  if (!ctx.row) return { slug: slugOf(String(ctx.input?.title ?? "")) };

  if (!ctx.row.title) throw { code: "23514", message: "a post needs a title", field: "title" };
  // What is changed in the row of a BEFORE trigger is stored.
  ctx.row.slug ??= slugOf(String(ctx.row.title));
});
