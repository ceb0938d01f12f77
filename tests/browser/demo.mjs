// The real binary's demo, on free ports, with everything it logs.
import { startExeat } from "./process.mjs";

const SITES = ["marketplace", "api", "hostile"];

/** Starts `exeat demo` and resolves to `{ marketplace, api, hostile, logs(), stop() }` once every site listens. */
export async function startDemo() {
  const { urls, ...demo } = await startExeat(["--log", "trace", "demo", "--port", "0", "--api-port", "0", "--hostile-port", "0"], SITES);
  return { ...demo, ...urls };
}
