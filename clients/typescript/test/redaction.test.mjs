// Nobody who prints, stores or lists what the client gives out finds a token in it.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";
import { HeldToken, TokenSource } from "../dist/tokenSource.js";
import { FakeClock, POINTS, refuse, world } from "./world.mjs";

/** All that a careless program may write somewhere. */
function shown(value) {
  const texts = [String(value), inspect(value, { depth: 9, showHidden: true, getters: false }), Object.getOwnPropertyNames(value).join()];
  try {
    texts.push(JSON.stringify(value), JSON.stringify(structuredClone(value)));
  } catch {
    // A client has functions, which cannot be cloned.
  }
  if (value instanceof Error) texts.push(value.stack, value.message, JSON.stringify(value.toJSON?.()), inspect(value.cause, { depth: 9 }));
  return texts.join("\n");
}

function assertHidden(value, secrets, what) {
  assert.ok(secrets.length > 0);
  for (const part of secrets.flatMap((secret) => secret.split("."))) assert.ok(!shown(value).includes(part.slice(0, 12)), `${what} shows a token`);
}

test("J139: a client that holds a token, and the objects within, show none", async () => {
  const it = world();
  await it.client.fetch(POINTS);
  assertHidden(it.client, it.tokens, "the client");
  assert.deepEqual(JSON.parse(JSON.stringify(it.client)), { accountSignal: {}, apiOrigins: ["https://api.example.com"] });
  const source = new TokenSource({ clock: new FakeClock(), exchange: async () => it.issue() });
  const held = await source.token();
  assert.ok(held instanceof HeldToken);
  assertHidden(source, it.tokens, "the source");
  assertHidden(held, it.tokens, "the held token");
});

test("J139: no failure shows a token, not even when what was caught has it", async () => {
  const it = world({ answer: () => refuse() });
  const hostile = world({ answer: (_, request) => {
    const error = new TypeError(`cannot send ${request.headers.get("Authorization")}`);
    throw Object.assign(error, { request, token: request.headers.get("Authorization") });
  } });
  const unreadable = world({ exchange: async (_, __, made) => new Response(`{"token":"${made.mint()}" oops`) });
  const signedOut = world({ exchange: async (_, __, made) => Response.json({ code: made.mint(), token: made.mint() }, { status: 401 }) });
  const graphql = world({ exchange: async (_, __, made) => Response.json({ errors: [{ message: made.mint(), extensions: { code: made.mint() } }] }) });
  const wrong = world({ expect: { sub: "another" } });
  // What an exchange throws that reads the answer itself, by itself or with a library.
  const read = (token) => JSON.parse(`{"token":${token}}`);
  const parser = world({ exchange: async (_, __, made) => read(made.mint()) });
  const wrapped = world({ exchange: async (_, __, made) => {
    try {
      return read(made.mint());
    } catch (cause) {
      throw new Error("the exchange", { cause });
    }
  } });
  const library = world({ exchange: async (_, __, made) => { throw Object.assign(new TypeError("network"), { response: { data: { token: made.mint() } } }); } });
  const thrown = world({ exchange: async (_, __, made) => { throw made.mint(); } });
  const named = world({ exchange: async (_, __, made) => { throw { name: made.mint() }; } });
  for (const [name, made] of Object.entries({ it, hostile, unreadable, signedOut, graphql, wrong, parser, wrapped, library, thrown, named })) {
    const error = await made.client.fetch(POINTS).then(() => assert.fail(name), (caught) => caught);
    assertHidden(error, made.tokens, name);
    // And what stands in for it while the exchange is backed off.
    for (let call = 0; call < 5; call += 1) assertHidden(await made.client.fetch(POINTS).catch((caught) => caught), made.tokens, `${name} again`);
  }
});

test("the source names no storage, no page and no logger, and only the clock tells the time", () => {
  const folder = new URL("../src/", import.meta.url);
  for (const file of readdirSync(folder)) {
    const code = readFileSync(new URL(file, folder), "utf8").replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    assert.doesNotMatch(code, /\b(localStorage|sessionStorage|indexedDB|caches|document|window|console|cookie)\b/, file);
    if (file !== "clock.ts") assert.doesNotMatch(code, /\b(Date\.now|performance|setTimeout|setInterval|Math\.random)\b|new Date\(\)/, file);
    assert.ok(code.split("\n").length <= 350, file);
  }
});
