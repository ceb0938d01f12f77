// What stands in a guide of docs/, so that it is the guide that is tested.
import { readFileSync } from "node:fs";

/** The text of the only block of a guide whose fence says so, such as "nginx nginx.conf". */
export function block(guide, info) {
  const text = readFileSync(new URL(`../../docs/${guide}`, import.meta.url), "utf8");
  const blocks = [...text.matchAll(/^```(\S.*)\n([^]*?)^```$/gm)].filter((found) => found[1] === info);
  if (blocks.length !== 1) throw new Error(`${guide} has ${blocks.length} blocks ${info}`);
  return blocks[0][2];
}

/** `text` with every `old` replaced; it must be there. */
export function replaced(text, old, now) {
  if (!text.includes(old)) throw new Error(`no ${old} in ${text}`);
  return text.replaceAll(old, now);
}
