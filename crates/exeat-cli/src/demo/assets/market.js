// What the page asks of its own origin, the marketplace: sign-in, the exchange, and the endpoints only a demo has.

async function ask(method, path, body, signal) {
  const began = performance.now();
  const response = await fetch(path, {
    method,
    // The header makes the request one that no foreign page can send without a preflight.
    headers: { "X-Requested-By": "exeat-demo", ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
    signal,
    credentials: "same-origin",
    redirect: "error",
    cache: "no-store",
  });
  const text = await response.text();
  const answer = { status: response.status, took: performance.now() - began, body: text ? JSON.parse(text) : {} };
  if (!response.ok) throw new Refused(`${method} ${path}`, answer);
  return answer;
}

/** An answer of the marketplace that is not a success. */
export class Refused extends Error {
  constructor(request, { status, body }) {
    super(`${request} answered ${status} ${body.code ?? ""}`.trim());
    this.status = status;
    this.code = body.code;
  }
}

/** Where the sites are, who the sample users are, and whether a session cookie was sent. */
export const setup = async () => (await ask("GET", "/demo/setup")).body;
/** Signs a sample user in: the answer sets the session cookie. */
export const login = (user) => ask("POST", "/demo/login", { user });
/** Ends the session. */
export const logout = () => ask("POST", "/demo/logout", {});
/** The exchange: session cookie in, signed token out. */
export const exchange = (audience, signal) => ask("POST", "/v1/token", { audience }, signal);
/** A real token that no honest client would have: `kind` is `expired` or `other-tenant`. */
export const oddToken = async (kind, user) => (await ask("POST", "/demo/token", { kind, user })).body.token;
/** The lines that the API's own log got after a given one. */
export const apiLog = async (after) => (await ask("GET", `/demo/api-log/${after}`)).body;
