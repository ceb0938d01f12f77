// The attacks. Each sends a real request with a real token and reports what really came back.

import { apiLog, exchange, oddToken } from "./market.js";
import { callApi, decode, tamper } from "./tokens.js";
import { elided } from "./view.js";

/** How long the hostile page may take to report, in milliseconds. */
const HOSTILE_PATIENCE = 10_000;

/** Where each attack gets its token from. */
const TOKENS = {
  tampered: async ({ client }) => tamper(await client.token(), { name: "admin@example.com" }),
  expired: ({ user }) => oddToken("expired", user),
  "other-tenant": ({ user }) => oddToken("other-tenant", user),
  "other-audience": async ({ sites }) => (await exchange(sites.other_audience)).body.token,
  "no-token": async () => null,
};

/** Runs one attack and resolves to `{ verdict, fields }` for the page. */
export async function run(attack, context) {
  const { latest } = await apiLog(0);
  return attack === "hostile" ? hostile(context, latest) : withToken(attack, context, latest);
}

async function withToken(attack, context, after) {
  const token = await TOKENS[attack](context);
  const answer = await callApi(context.sites.points, token);
  const lines = await linesSince(after, location.origin);
  const shared = lines.at(-1)?.allow_origin;
  return {
    verdict: verdict(answer.status !== 200, `${answer.status} ${answer.body.code ?? ""}`),
    fields: {
      request: requestText(context.sites.points, token),
      status: String(answer.status),
      challenge: answer.challenge ?? "none",
      code: answer.body.code ?? "none",
      cors: `The page may read the answer (response type ${answer.type}; Access-Control-Allow-Origin: ${shared ?? "none"}).`,
      "api-log": logText(lines),
    },
  };
}

async function hostile({ client, sites }, after) {
  const token = await client.token();
  const frame = document.getElementById("hostile-frame");
  const report = await new Promise((resolve, reject) => {
    const patience = setTimeout(() => finish(reject, new Error("the hostile page does not answer")), HOSTILE_PATIENCE);
    const listen = (event) => {
      if (event.source === frame.contentWindow && event.origin === sites.hostile) finish(resolve, event.data);
    };
    const finish = (settle, value) => {
      clearTimeout(patience);
      removeEventListener("message", listen);
      settle(value);
    };
    addEventListener("message", listen);
    frame.contentWindow.postMessage({ token, url: sites.points }, sites.hostile);
  });
  const lines = await linesSince(after, sites.hostile);
  const last = lines.at(-1);
  const gotNothing = report.attempts.every((attempt) => attempt.error);
  return {
    verdict: verdict(gotNothing && lines.every((line) => line.handler === "not run"), `${last?.status} ${last?.code}`),
    fields: {
      request: report.attempts.map((attempt) => `${attempt.request}\nOrigin: ${report.origin}`).join("\n\n"),
      status: `${last?.status} in the API's log; the page was shown none`,
      challenge: "none",
      code: last?.code ?? "none",
      cors: `No Access-Control-Allow-Origin${last?.allow_origin ? ` but ${last.allow_origin}` : ""}: the browser keeps the answer from the page.`,
      "browser-error": report.attempts.map((attempt) => attempt.error ?? `read ${attempt.status}: a leak!`).join("\n"),
      "api-log": logText(lines),
    },
  };
}

async function linesSince(after, origin) {
  const { lines } = await apiLog(after);
  return lines.filter((line) => line.origin === origin);
}

/** Lines of the API's log, in its own words. */
export function logText(lines) {
  return lines.map((line) => line.text).join("\n");
}

function requestText(url, token) {
  if (!token) return `GET ${url}`;
  const { name, tenant, aud, exp } = decode(token).claims;
  const left = Math.round(exp - Date.now() / 1000);
  const life = left > 0 ? `${left} s left` : `expired ${-left} s ago`;
  return `GET ${url}\nAuthorization: Bearer ${elided(token)}\n(${name}, tenant ${tenant}, aud ${aud}, ${life})`;
}

function verdict(held, text) {
  return held ? { kind: "refused", text: `Refused: ${text}` } : { kind: "accepted", text: `Accepted: ${text}. The gate did not hold!` };
}
