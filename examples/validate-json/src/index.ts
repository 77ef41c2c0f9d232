// validate-json: a BEFORE trigger that lets only documents of the right shape into a jsonb column, completed and tidied; by SQL
// the same check of one document. The npm package zod does the work.

import { handler } from "@alyx/functions";
import * as z from "zod";

// At the top level, so that it is built once, when the module is linked, and not in each call.
const Profile = z.strictObject({
  name: z.string().trim().min(1).max(100),
  email: z.email().transform((email) => email.toLowerCase()),
  age: z.int().min(18).optional(),
  tags: z.array(z.string().min(1)).max(10).default([]),
  address: z.strictObject({ city: z.string().min(1), zip: z.string().regex(/^\d{5}$/, "must be five digits") }).optional(),
});

interface Submission {
  id: number;
  payload: unknown;
}

export default handler<unknown, unknown, Submission>((ctx) => {
  if (ctx.database === undefined) return check(ctx.input);
  ctx.row.payload = check(ctx.row.payload);
});

/** The document, completed; or an error with everything that is wrong with it. */
function check(document: unknown): z.infer<typeof Profile> {
  const result = Profile.safeParse(document);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => ({ path: issue.path.join("."), problem: issue.message }));
  const [first] = issues;
  throw {
    code: "INVALID_DOCUMENT",
    message: `the document is not valid: ${first?.path || "it"}: ${first?.problem}`,
    field: first?.path || "payload",
    issues,
  };
}
