// Compiles the package into dist/, and its core into the one file that the demo page loads. That file is committed, because a build of the
// Rust binary needs no Node. With --check it is compared instead of written. Fails when the core is too big.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The most bytes of the core, minified and gzipped. */
const MOST_BYTES = 5 * 1_024;

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const DEMO = at("../../../crates/exeat-cli/src/demo/assets/client.js");

rmSync(at("../dist"), { recursive: true, force: true });
execFileSync(process.execPath, [at("../node_modules/typescript/bin/tsc"), "-p", at("..")], { stdio: "inherit" });

const bundle = async (entry, options) => (await build({ entryPoints: [at(`../src/${entry}.ts`)], bundle: true, format: "esm", target: "es2022", write: false, charset: "utf8", ...options })).outputFiles[0].text;

const demo = await bundle("index", { banner: { js: "// Built from clients/typescript by `npm run build`. Change it there." } });
if (!process.argv.includes("--check")) {
  writeFileSync(DEMO, demo);
} else if (readFileSync(DEMO, "utf8") !== demo) {
  console.error(`${DEMO} is not what clients/typescript builds: npm run build`);
  process.exit(1);
}

for (const entry of ["index", "ws", "events", "diagnose", "serviceAuthToken"]) {
  const bytes = gzipSync(await bundle(entry, { minify: true }), { level: 9 }).length;
  const isCore = entry === "index";
  console.log(`${entry}: ${bytes} bytes minified and gzipped${isCore ? `, of ${MOST_BYTES}` : ""}`);
  if (isCore && bytes > MOST_BYTES) process.exit(1);
}
