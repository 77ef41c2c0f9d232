// A title as a part of a URL: letters and digits of ASCII, joined by hyphens.

const WITHOUT_MARKS: Record<string, string> = { ß: "ss", æ: "ae", ø: "o", ł: "l", đ: "d", þ: "th" };

export function slugify(title: string): string {
  const folded = title
    .toLowerCase()
    .replace(/[ßæøłđþ]/g, (letter) => WITHOUT_MARKS[letter] ?? letter)
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "");
  return folded.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "post";
}
