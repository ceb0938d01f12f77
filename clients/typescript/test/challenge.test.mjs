import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { invalidToken, parseChallenges } from "../dist/challenge.js";

const vectors = JSON.parse(readFileSync(new URL("challenges.json", import.meta.url), "utf8"));
/** Without prototypes, which the vectors cannot have. */
const plain = (challenges) => JSON.parse(JSON.stringify(challenges));

for (const { header, challenges, why } of vectors) {
  test(`challenge ${JSON.stringify(header)} ${why ? `is refused: ${why}` : "is read"}`, () => {
    assert.deepEqual(plain(parseChallenges(header)), plain(challenges));
  });
}

test("a header at the limit is read, one character more is not", () => {
  const of = (length) => `Bearer error="invalid_token", realm="${"a".repeat(length - 38)}"`;
  assert.equal(of(8_192).length, 8_192);
  assert.equal(parseChallenges(of(8_192)).length, 1);
  assert.equal(parseChallenges(of(8_193)).length, 0);
});

test("hostile headers of any shape throw nothing and end", () => {
  for (const piece of ['a="', "a=", "a ", ",", "\\", 'a="\\', "a= ", "a,", 'Bearer a="b", ', "a=b,", "=", '"']) {
    const header = piece.repeat(Math.floor(8_192 / piece.length));
    assert.ok(Array.isArray(parseChallenges(header)), piece);
  }
});

test("only a Bearer challenge with exactly this error asks for a new token", () => {
  for (const [header, expected] of [
    ['Bearer error="invalid_token"', true],
    ['Basic realm="x", Bearer realm="y", error=invalid_token', true],
    ["Bearer", false],
    ['Bearer error="invalid_request"', false],
    ['Bearer error="insufficient_scope", error_description="invalid_token"', false],
    ['Bearer error="Invalid_Token"', false],
    ['Basic error="invalid_token"', false],
    ['DPoP error="invalid_token"', false],
    [null, false],
  ]) assert.equal(invalidToken(header) !== undefined, expected, header);
});
