// Child processes of a test: up when they say that they listen, ended in any case, with everything that they log.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** How long anything may take before a test fails, in milliseconds. Nothing takes this long when all is well. */
export const DEADLINE = 10_000;

/** Starts `exeat` with `args` and resolves to `{ urls, logs(), stop() }` once it has said `listening NAME URL` for each of `names`. */
export async function startExeat(args, names, { cwd, env = {} } = {}) {
  const binary = process.env.BINARY_UNDER_TEST;
  if (!binary) throw new Error("BINARY_UNDER_TEST must name the binary to test");
  // What begins with EXEAT_ is configuration to the binary.
  const ours = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("EXEAT_")));
  return startListening(binary, args, names, { cwd, env: { ...ours, ...env } });
}

/** The same for any program that prints such lines. */
export async function startListening(program, args, names, options) {
  const child = start(program, args, options);
  const urls = {};
  const listening = (async () => {
    for await (const line of createInterface({ input: child.process.stdout })) {
      const [word, name, url] = line.split(" ");
      if (word === "listening") urls[name] = url;
      if (names.every((one) => urls[one])) return true;
    }
    return false;
  })();
  if (!(await before(listening))) {
    child.process.kill("SIGKILL");
    throw new Error(`${program} ${args.join(" ")} did not come up:\n${child.logs()}`);
  }
  child.process.stdout.resume();
  return { ...child, urls };
}

/** Starts a program; its stderr is `logs()`. */
export function start(program, args, options = {}) {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let logs = "";
  child.stderr.on("data", (chunk) => { logs += chunk; });
  child.on("error", (error) => { logs += `${error}\n`; });
  const ended = new Promise((resolve) => child.once("close", (code) => resolve(code)));
  return {
    process: child,
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
export async function before(promise) {
  let timer;
  const deadline = new Promise((resolve) => { timer = setTimeout(resolve, DEADLINE); });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}
