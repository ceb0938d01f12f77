// The real binary's demo, on free ports, with everything it logs.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How long anything may take before a test fails, in milliseconds. Nothing takes this long when all is well. */
export const DEADLINE = 10_000;

const SITES = ["marketplace", "api", "hostile"];

/** Starts `exeat demo` and resolves to `{ marketplace, api, hostile, logs(), stop() }` once every site listens. */
export async function startDemo() {
  const binary = process.env.BINARY_UNDER_TEST;
  if (!binary) throw new Error("BINARY_UNDER_TEST must name the binary to test");
  // What begins with EXEAT_ is configuration to the binary.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("EXEAT_")));
  const child = spawn(binary, ["--log", "trace", "demo", "--port", "0", "--api-port", "0", "--hostile-port", "0"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let logs = "";
  child.stderr.on("data", (chunk) => { logs += chunk; });
  const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));

  const sites = {};
  const listening = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, name, url] = line.split(" ");
      if (word === "listening") sites[name] = url;
      if (SITES.every((site) => sites[site])) return true;
    }
    return false;
  })();
  if (!(await before(listening))) {
    child.kill("SIGKILL");
    throw new Error(`the demo did not come up:\n${logs}`);
  }
  child.stdout.resume();
  return {
    ...sites,
    logs: () => logs,
    /** SIGTERM; resolves to the exit code. */
    async stop() {
      child.kill("SIGTERM");
      const code = await before(ended);
      if (code === undefined) child.kill("SIGKILL");
      return code;
    },
  };
}

/** The promise's value, or `undefined` when the deadline comes first. */
async function before(promise) {
  let timer;
  const deadline = new Promise((resolve) => { timer = setTimeout(resolve, DEADLINE); });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}
