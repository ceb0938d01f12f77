/** One challenge of `WWW-Authenticate` (RFC 9110 §11.6.1). */
export interface Challenge {
  /** The auth-scheme, in lower case. */
  readonly scheme: string;
  /** What stands in place of parameters, as in `Negotiate YII=`. */
  readonly token68?: string;
  /** Values by name in lower case, quotes and escapes removed. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A longer header is none of an API's. */
const MOST_CHARACTERS = 8_192;
const TOKEN = String.raw`[!#$%&'*+\-.^_\`|~0-9A-Za-z]+`;
/** Between two elements of a list: commas, of which empty elements leave several, and space (§5.6.1). */
const SEPARATOR = /[ \t]*(?:,[ \t]*)*/y;
const SCHEME = new RegExp(`(${TOKEN})(?: +|(?=[ \\t]*(?:,|$)))`, "y");
const TOKEN68 = /([-.~+/\w]+=*)[ \t]*(?=,|$)/y;
const PARAMETER = new RegExp(`(${TOKEN})[ \\t]*=[ \\t]*(?:(${TOKEN})|"((?:[^"\\\\\\x00-\\x08\\x0a-\\x1f\\x7f]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*)")[ \\t]*(?=,|$)`, "y");
const END_OR_PARAMETER = new RegExp(`[ \\t]*(?:,|$)|${PARAMETER.source}`, "y");

/**
 * All challenges of the header, in order. A header that breaks the grammar, or names a parameter twice, has none: who cannot be
 * understood is not answered with a second request.
 */
export function parseChallenges(header: string): Challenge[] {
  if (header.length > MOST_CHARACTERS) return [];
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(header);
    if (found) at = pattern.lastIndex;
    return found;
  };
  let open: { scheme: string; parameters: Record<string, string> } | undefined;
  while ((take(SEPARATOR), at < header.length)) {
    const parameter: RegExpExecArray | null = open ? take(PARAMETER) : null;
    if (open && parameter) {
      const name = parameter[1]!.toLowerCase();
      if (Object.hasOwn(open.parameters, name)) return [];
      open.parameters[name] = parameter[2] ?? parameter[3]!.replace(/\\(.)/g, "$1");
      continue;
    }
    const scheme = take(SCHEME);
    if (!scheme) return [];
    open = { scheme: scheme[1]!.toLowerCase(), parameters: Object.create(null) as Record<string, string> };
    const token68 = header[at - 1] === " " && !matches(PARAMETER, header, at) ? take(TOKEN68) : null;
    challenges.push(token68 ? { ...open, token68: token68[1]! } : open);
    if (token68) open = undefined;
    else if (!matches(END_OR_PARAMETER, header, at)) return [];
  }
  return challenges;
}

/** The challenge that says that the bearer token is not valid (RFC 6750 §3.1), if the header has one. */
export const invalidToken = (header: string | null): Challenge | undefined =>
  parseChallenges(header ?? "").find(({ scheme, parameters }) => scheme === "bearer" && parameters["error"] === "invalid_token");

function matches(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}
