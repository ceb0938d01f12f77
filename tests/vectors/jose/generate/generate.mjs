// Writes the vectors that Node's OpenSSL and `jose` make. By hand only: `npm ci --prefix tests/peers/node`, then run this file.
import { writeFileSync } from "node:fs";
import { jwks } from "./jwks.mjs";
import { refused } from "./refused.mjs";
import { thumbprints } from "./thumbprints.mjs";
import { valid } from "./valid.mjs";

const MADE_BY = `jose ${(await import("../../../peers/node/package.json", { with: { type: "json" } })).default.dependencies.jose}, node:crypto`;

for (const [file, make] of Object.entries({ valid, refused, jwks, thumbprints })) {
  const vectors = { made_by: MADE_BY, ...(await make()) };
  writeFileSync(new URL(`../${file}.json`, import.meta.url), `${JSON.stringify(vectors, null, 2)}\n`);
  console.log(`${file}.json: ${vectors.cases.length} cases`);
}
