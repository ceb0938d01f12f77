// What Chromium does with CORS, cookies, redirects, opaque origins, fetch metadata and sockets: each fact is asserted by what the page's script saw and
// by what the server saw. docs/browser-truth.md lists them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { rendered, written } from "./truth/document.mjs";
import { chapters } from "./truth/chapters.mjs";
import { expected, observe, startWorld } from "./truth/world.mjs";

let world;
before(async () => { world = await startWorld(); });
after(() => world?.stop());

for (const { section, facts } of chapters) {
  for (const fact of facts) {
    test(`${section}: ${fact.name}`, { timeout: 30_000 }, async () => assert.deepEqual(await observe(world, fact), expected(fact)));
  }
}

test("docs/browser-truth.md has a row for every fact, and no other", () => {
  assert.equal(written(), rendered(written()), "node tests/browser/truth/document.mjs writes it");
});
