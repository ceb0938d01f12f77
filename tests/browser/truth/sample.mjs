// `exeat sample-api`, the gate as the binary has it. A site stands before it that notes what came and what was answered, and changes neither.
import { request } from "node:http";
import { call } from "./world.mjs";

/** Hands everything on to the sample API, line by line; resolves to each request with the status of its answer. */
function tap({ api, sample }) {
  const seen = [];
  api.answers(async ({ method, url, headers, body }) => {
    const answer = await new Promise((resolve, reject) => request(sample.url + url, { method, headers }, resolve).on("error", reject).end(body));
    seen.push(`${method} ${answer.statusCode}`);
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    return { status: answer.statusCode, headers: answer.rawHeaders, body: Buffer.concat(chunks) };
  });
  return seen;
}

export const section = "The sample API";
export const facts = [
  {
    name: "exeat sample-api: the listed page reads every answer, errors too",
    cases: [72, 109, 114],
    says: "`--origin` and nothing else was set",
    variants: {
      "a good token": [["/whoami"], "200 ← OPTIONS 204 · GET 200"],
      "no token": [["/whoami", {}, null], "401 ← GET 401"],
      "an expired token": [["/whoami", {}, { iat: 1, exp: 2 }], "401 ← OPTIONS 204 · GET 401"],
      "an unknown path": [["/nothing"], "404 ← OPTIONS 204 · GET 404"],
      "a body of 64 KiB and one byte": [["/echo", { method: "POST", body: "x".repeat(64 * 1024 + 1) }], "413 ← OPTIONS 204 · POST 413"],
      "a method that is not listed": [["/whoami", { method: "PUT" }], "TypeError ← OPTIONS 403"],
      "credentials, which are off": [["/public", { credentials: "include" }, null], "TypeError ← GET 200"],
    },
    run: async (world, [path, init = {}, claims = {}]) => {
      const seen = tap(world);
      const headers = claims && { Authorization: `Bearer ${await world.gate.token(claims)}` };
      const got = await call(world.page, world.fresh().replace(/\/(\d+)$/, `${path}?$1`), { ...init, ...(headers && { headers }) });
      return `${got} ← ${seen.join(" · ")}`;
    },
  },
  {
    name: "exeat sample-api: another page reads nothing, what needs no token neither",
    cases: [58, 82],
    says: "an actual request is refused by its Origin, whether it had a preflight or not",
    from: "evil.localhost",
    variants: {
      "a good token": [["/whoami", true], "TypeError ← OPTIONS 403"],
      "a route without tokens": [["/public", false], "TypeError ← GET 403"],
    },
    run: async (world, [path, hasToken]) => {
      const seen = tap(world);
      const init = hasToken ? { headers: { Authorization: `Bearer ${await world.gate.token()}` } } : {};
      const got = await call(world.page, world.fresh().replace(/\/(\d+)$/, `${path}?$1`), init);
      return `${got} ← ${seen.join(" · ")}`;
    },
  },
];
