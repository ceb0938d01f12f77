// The package as it is shipped: its exports, and the built file in a world that has no page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";
import { build } from "esbuild";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

test("nothing is needed at run time, and every export is there with its types", async () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.peerDependencies, undefined);
  const names = { ".": ["AccountChangedError", "TokenClientError", "createTokenClient"], "./ws": ["ws"], "./events": ["events"], "./diagnose": ["diagnose"], "./serviceAuthToken": ["createServiceAuthToken", "default"] };
  assert.deepEqual(Object.keys(manifest.exports), Object.keys(names));
  for (const [path, { types }] of Object.entries(manifest.exports)) {
    assert.deepEqual(Object.keys(await import(manifest.name + path.slice(1))), names[path]);
    assert.ok(readFileSync(new URL(`../${types}`, import.meta.url), "utf8").length > 0);
  }
});

test("the licences that the manifest names are in the package, as they are in the repository", () => {
  assert.equal(manifest.license, "MIT OR Apache-2.0");
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE"]) {
    assert.ok(manifest.files.includes(name));
    assert.equal(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"), readFileSync(new URL(`../../../${name}`, import.meta.url), "utf8"));
  }
});

test("the built file runs where there is no window, no document and no BroadcastChannel", async () => {
  const { outputFiles } = await build({ entryPoints: [new URL("../src/index.ts", import.meta.url).pathname], bundle: true, write: false, format: "iife", globalName: "exeat", target: "es2022" });
  const sent = [];
  const world = { AbortController, AbortSignal, Request, Response, Headers, URL, TextDecoder, ReadableStream, atob, performance, setTimeout, clearTimeout, fetch: async (request) => (sent.push(request), new Response("fine")) };
  const client = vm.runInNewContext(`${outputFiles[0].text}; exeat.createTokenClient({ apiOrigins: ["https://api.example.com"], exchange: async () => ({ token: "t" }) })`, world);
  assert.equal(await (await client.fetch("https://api.example.com/")).text(), "fine");
  assert.equal(sent[0].headers.get("Authorization"), "Bearer t");
});
