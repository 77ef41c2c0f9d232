// Pictures of the page for docs/http.md: `npm run screenshots`. What they show is a shop whose calls are real; only the
// minutes in which they were made are moved into the past, so that the charts have an hour to show.

import { mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Cluster } from "./cluster.js";
import { House, until } from "./house.js";
import { closeBrowser, Window } from "./window.js";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../../..");
const FOLDER = join(ROOT, "docs/images");
const MOST_BYTES = 150_000;
const MINUTES = 55;

/** Not at random: pictures of one page are like each other. */
function wave(minute) {
  return Math.round(8 + 4 * Math.sin(minute / 6) + 2 * Math.sin(minute / 2.3));
}

function manifestOf(example) {
  return readFileSync(join(ROOT, "examples", example, "manifest.yaml"), "utf8").replace(/^name:.*\n/, "");
}

async function furnish(house) {
  house.createPosts();
  house.sql("CREATE SCHEMA intake; CREATE TABLE intake.submissions (id bigint, payload jsonb); CREATE SCHEMA web; CREATE TABLE web.sessions (id uuid, user_name text, expires_at timestamptz)", "postgres");
  house.sql("ALTER SCHEMA intake OWNER TO dev; ALTER TABLE intake.submissions OWNER TO dev; ALTER SCHEMA web OWNER TO dev; ALTER TABLE web.sessions OWNER TO dev");
  await house.deploy("create-post", "create-post", "description: Creates a post\ndatabase: write\nretry: {attempts: 1}\n");
  await house.deploy("create-post", "create-post", `${manifestOf("create-post")}retry: {attempts: 1}\n`);
  await house.deploy("validate-json", "validate-json", manifestOf("validate-json"));
  await house.deploy("cleanup-sessions", "cleanup-sessions", manifestOf("cleanup-sessions"));
  await house.deploy("slugify", "slugify", "description: Gives a row a unique slug made from its title\n");
  house.sql("GRANT EXECUTE ON FUNCTION \"create-post\"(jsonb), \"validate-json\"(jsonb) TO app_user; GRANT USAGE ON SCHEMA blog TO app_user; GRANT ALL ON blog.posts TO app_user", "dev");
}

async function work(house) {
  const titles = ["Grüße aus Köln", "A day at the sea", "What the fox says", "Notes on tea", "Ünïcode, and what it costs"];
  const start = house.sql("SELECT date_trunc('minute', now())");
  for (let minute = MINUTES; minute > 0; minute--) {
    for (let n = 0; n < wave(minute); n++) await house.call("create-post", { title: `${titles[(minute + n) % titles.length]}, ${minute}.${n}` }, "app_user");
    if (minute % 7 === 0) await house.call("create-post", { title: "  " }, "app_user");
    await house.call("validate-json", { name: "Ada", email: "ADA@example.com", tags: ["new"] }, "app_user");
    if (minute % 11 === 0) await house.call("validate-json", { name: "Ada", email: "nobody" }, "app_user");
    house.drain();
    house.sql(`UPDATE alyx._statistics_minute SET minute = timestamptz '${start}' - interval '${minute} minutes' WHERE minute >= '${start}'`);
  }
  house.enqueue("create-post", { title: "" });
  await until("the job is dead", async () => (await house.items("dead-jobs")).length === 1);
  house.drain();
}

async function take(window, name) {
  await window.page.waitForFunction(() => !document.querySelector('[data-testid="loading"]'));
  await window.page.mouse.move(0, 0);
  const path = join(FOLDER, `${name}.png`);
  await window.page.screenshot({ path });
  const { size } = statSync(path);
  console.log(`${name}.png ${size}`);
  if (size > MOST_BYTES) throw new Error(`${name}.png has more than ${MOST_BYTES} bytes`);
  await window.close();
}

async function takeAll(house) {
  const token = house.token();
  const light = await Window.open(house, { width: 1280, height: 1000, token });
  await light.go("functions/create-post");
  await light.shows("chart-rate", /[1-9]\d\d calls/);
  await light.counts(light.rows("invocation-row"), 20);
  await take(light, "page-light");
  const dark = await Window.open(house, { width: 1280, height: 560, colours: "dark", token });
  const { id } = (await house.items("invocations?function=create-post&status=ok"))[0];
  await dark.go(`invocations/${id}`);
  await dark.shows("logs", "post created");
  await take(dark, "page-dark");
  const narrow = await Window.open(house, { width: 360, height: 740, token });
  await narrow.counts(narrow.rows("function-row"), 4);
  await narrow.rows("function-row", "create-post").locator('[data-column="calls"]', { hasText: /[1-9]/ }).waitFor();
  await take(narrow, "page-narrow");
}

mkdirSync(FOLDER, { recursive: true });
const cluster = Cluster.start();
process.env.ALYX_PAGE_CLUSTER = cluster.folder;
let house;
try {
  house = await House.open("shop");
  await furnish(house);
  await work(house);
  await takeAll(house);
} finally {
  await closeBrowser();
  await house?.stop();
  await cluster.stop();
}
