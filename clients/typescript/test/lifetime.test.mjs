import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../dist/backoff.js";
import { lifetime, unverifiedClaims } from "../dist/lifetime.js";
import { FakeClock, jwt } from "./world.mjs";

const seconds = ({ life, reuse }) => [life / 1_000, reuse / 1_000];

for (const [name, answer, claims, expected] of [
  ["300 s are used for 270 s", {}, { iat: 100, exp: 400 }, [300, 270]],
  ["60 s are used for 48 s", {}, { iat: 100, exp: 160 }, [60, 48]],
  ["150 s: the greatest leeway begins", {}, { iat: 0, exp: 150 }, [150, 120]],
  ["149 s: just below", {}, { iat: 0, exp: 149 }, [149, 149 - 29.8]],
  ["25 s: the least leeway ends", {}, { iat: 0, exp: 25 }, [25, 20]],
  ["24 s: just below", {}, { iat: 0, exp: 24 }, [24, 19]],
  ["5 s: nothing is left to use", {}, { iat: 0, exp: 5 }, [5, 0]],
  ["an hour of another century", {}, { iat: 1, exp: 3_601 }, [3_600, 3_570]],
  ["refresh_after is taken as it is", { refresh_after: 210 }, { iat: 0, exp: 300 }, [300, 210]],
  ["refresh_after of zero is none", { refresh_after: 0 }, { iat: 0, exp: 300 }, [300, 270]],
  ["nor is a negative one", { refresh_after: -1 }, { iat: 0, exp: 300 }, [300, 270]],
  ["nor one that is no number", { refresh_after: NaN }, { iat: 0, exp: 300 }, [300, 270]],
  ["the least refresh_after", { refresh_after: 0.001 }, { iat: 0, exp: 300 }, [300, 0.001]],
  ["refresh_after at the end of the life", { refresh_after: 300 }, { iat: 0, exp: 300 }, [300, 300]],
  ["refresh_after beyond the life is none", { refresh_after: 301 }, { iat: 0, exp: 300 }, [300, 270]],
  ["refresh_after without a life", { refresh_after: 900 }, {}, [Infinity, 900]],
  ["without iat the server's clock is taken", { server_time: 1_000 }, { exp: 1_300 }, [300, 270]],
  ["without a JWT expires_in", { expires_in: 60 }, {}, [60, 48]],
  ["neither: until the API refuses it", {}, {}, [Infinity, Infinity]],
  ["exp alone: until the API refuses it", {}, { exp: 1_300 }, [Infinity, Infinity]],
  ["a token that is not new lives only for its rest", { server_time: 1_290 }, { iat: 1_000, exp: 1_300 }, [10, 5]],
  ["expires_in never makes it longer", { expires_in: 900 }, { iat: 0, exp: 300 }, [300, 270]],
  ["claims of other types are none", { expires_in: "60", refresh_after: "1" }, { iat: "0", exp: null }, [Infinity, Infinity]],
  ["a server that does not know the time", { server_time: NaN }, { iat: 0, exp: 300 }, [300, 270]],
]) test(`lifetime: ${name}`, () => assert.deepEqual(seconds(lifetime({ token: "t", ...answer }, claims)), expected));

test("claims are read as UTF-8, and what is no JWT has none", () => {
  assert.equal(unverifiedClaims(jwt({ sub: "Zoë 🦊" })).sub, "Zoë 🦊");
  for (const token of ["", "a", "a.b", "a.!!!.c", `a.${btoa("null")}.c`, `a.${btoa("7")}.c`, `a.${btoa("{")}.c`, ".."]) assert.deepEqual({ ...unverifiedClaims(token) }, {}, token);
});

test("the first two failures wait for nothing, the others twice as long each, up to a minute, half of it by chance", () => {
  for (const [chance, share] of [[0, 0.5], [1, 1]]) {
    const clock = new FakeClock();
    clock.chance = chance;
    const backoff = new Backoff(clock);
    const waits = Array.from({ length: 11 }, () => (backoff.failed(), backoff.wait));
    assert.deepEqual(waits, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000 * share));
    backoff.succeeded();
    assert.ok(backoff.wait <= 0);
    backoff.failed();
    assert.equal(backoff.wait, 0, "counted anew");
  }
});

test("Retry-After counts from the first failure, and is believed for five minutes", () => {
  const backoff = new Backoff(new FakeClock());
  for (const [asked, kept] of [[0, 0], [1, 1], [300_000, 300_000], [300_001, 300_000], [Infinity, 300_000]]) {
    backoff.succeeded();
    backoff.failed(asked);
    assert.equal(backoff.wait, kept);
  }
});
