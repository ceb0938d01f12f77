// docs/browser-truth.md: its tables are made of the facts, so that they say what the suite asserts. `node document.mjs` writes them.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chapters } from "./chapters.mjs";
import { expected } from "./world.mjs";

const FILE = new URL("../../../docs/browser-truth.md", import.meta.url);

export const written = () => readFileSync(FILE, "utf8");

/** The text with every table as the facts have it. A table follows its marker, up to the next empty line. */
export function rendered(text) {
  const tables = { ...Object.fromEntries(chapters.map(({ section, facts }) => [section, table(facts)])), "Where Chromium differs": differences() };
  const used = new Set();
  const filled = text.replaceAll(/^(<!-- table: (.*) -->\n)(?:\|.*\n)*/gm, (_, marker, name) => {
    used.add(name);
    return marker + (tables[name] ?? "| no such chapter |\n");
  });
  const missing = Object.keys(tables).filter((name) => !used.has(name));
  if (missing.length) throw new Error(`docs/browser-truth.md has no marker for ${missing.join(", ")}`);
  return filled;
}

const cell = (text) => text.replaceAll("|", "\\|");
const row = (...cells) => `| ${cells.map(cell).join(" | ")} |\n`;
const HEAD = "| case | what holds: the test's name | the standard | page ← server |\n| --- | --- | --- | --- |\n";

const table = (facts) => HEAD + facts.map((fact) => row(fact.cases.join(", "), `${fact.differs ? "**≠** " : ""}${fact.name}`, fact.says, outcomes(fact))).join("");

/** Variants with the same outcome together. */
function outcomes(fact) {
  const groups = new Map();
  for (const [name, outcome] of Object.entries(expected(fact))) groups.set(outcome, [...(groups.get(outcome) ?? []), name]);
  return [...groups].map(([outcome, names]) => `${names.join("; ")}: **${outcome}**`).join("<br>");
}

function differences() {
  const all = chapters.flatMap(({ facts }) => facts).filter(({ differs }) => differs);
  return `| case | test | how |\n| --- | --- | --- |\n${all.map((fact) => row(fact.cases.join(", "), fact.name, fact.differs)).join("")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, rendered(written()));
