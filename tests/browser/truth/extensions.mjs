// Unpacked MV3 extensions with and without host permissions: what their contexts send, and what they get.
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchWithExtension } from "../browser.mjs";
import { before as inTime } from "../process.mjs";

/** The hosts of the pages where the content scripts are: one that the gate lists and one that it does not. */
export const CONTENT_HOSTS = { listed: "localhost", unlisted: "evil.localhost" };

/** Fetches for whoever asks by message; in a content script that is the page. */
const CONTENT = `
addEventListener("message", async ({ data }) => {
  if (data.to !== chrome.runtime.getManifest().name) return;
  const told = await fetch(data.url, data.init).then(({ status, type }) => status === 0 ? type : String(status), ({ name }) => name);
  postMessage({ from: data.to, told });
});
`;

/** Four extensions in one ordinary profile: with and without host permissions for 127.0.0.1, and each listed by the gate or not. */
export async function startExtensions() {
  const folder = await mkdtemp(join(tmpdir(), "exeat-truth-"));
  const extensions = {};
  for (const permitted of [true, false]) {
    for (const listed of [true, false]) {
      const name = `${permitted ? "permitted" : "plain"}-${listed ? "listed" : "unlisted"}`;
      // The id is made of the key, so that it is known before the browser runs.
      const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "der" });
      const id = createHash("sha256").update(key).digest("hex").slice(0, 32).replaceAll(/./g, (digit) => "abcdefghijklmnop"[parseInt(digit, 16)]);
      extensions[name] = { id, origin: `chrome-extension://${id}`, listed, folder: join(folder, name) };
      await mkdir(extensions[name].folder);
      await Promise.all(Object.entries({
        "manifest.json": JSON.stringify({
          manifest_version: 3,
          name,
          version: "1",
          key: key.toString("base64"),
          background: { service_worker: "service-worker.js" },
          content_scripts: [{ matches: Object.values(CONTENT_HOSTS).map((host) => `http://${host}/*`), js: ["content.js"], run_at: "document_start" }],
          ...(permitted && { host_permissions: ["http://127.0.0.1/*"] }),
        }),
        "service-worker.js": "",
        "content.js": CONTENT,
        "page.html": "<!doctype html><title>a page of an extension</title>",
      }).map(([file, text]) => writeFile(join(extensions[name].folder, file), text)));
    }
  }
  const folders = Object.values(extensions).map((extension) => extension.folder).join(",");
  let context;
  return {
    extensions,
    origins: Object.values(extensions).filter(({ listed }) => listed).map(({ origin }) => origin),
    /** Launches the browser. */
    async launch(...args) {
      // Debian's Chromium blocks cookies of other sites unless it is told not to; then it is as most users have it.
      await mkdir(join(folder, "profile/Default"), { recursive: true });
      await writeFile(join(folder, "profile/Default/Preferences"), JSON.stringify({ profile: { cookie_controls_mode: 0 } }));
      context = await launchWithExtension(join(folder, "profile"), folders, ...args);
      return context;
    },
    /** The service worker of an extension. */
    async worker({ id }) {
      const found = () => context.serviceWorkers().find((worker) => worker.url().includes(id));
      return found() ?? inTime(context.waitForEvent("serviceworker", { predicate: (worker) => worker.url().includes(id) }));
    },
    async stop() {
      await context?.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A fetch by the content script of the extension called `name` in `page`. */
export const callFromContentScript = (page, name, url, init) => page.evaluate(([name, url, init]) => new Promise((resolve) => {
  addEventListener("message", ({ data }) => { if (data.from === name) resolve(data.told); });
  postMessage({ to: name, url, init });
}), [name, url, init]);
