// The demo page. Hooks for tests, stable:
//
//   [data-user="<id>"]            sign in as a sample user; aria-pressed says who is signed in
//   #logout                       sign out; disabled when nobody is signed in
//   #who                          who is signed in, in words
//   #step-session #step-token #step-call #step-answer    data-state="idle|busy|ok|failed"
//   #token-claims                 the decoded token; rows have data-claim="<name>"
//   #token-life                   the countdown m:ss; data-remaining="<whole seconds>", empty without a token
//   #call-again #new-token        the call once more; the same with a new token
//   [data-attack="tampered|expired|other-tenant|other-audience|no-token|hostile"]    disabled until signed in
//   [data-result="<attack>"]      data-verdict="refused|accepted|error" when there is a result; its children
//                                 [data-field="request|status|challenge|code|cors|browser-error|api-log"] (browser-error: hostile only)
//   #hostile-frame                the hostile page; #notice: an error sentence, hidden without one
//
// Users of the tenant that the API serves get all four steps "ok"; for the other one #step-answer is "failed" with 403.

import { run } from "./attacks.js";
import { createTokenClient, TokenClientError } from "./client.js";
import * as market from "./market.js";
import { decode, read } from "./tokens.js";
import { elided, showClaims, showLife, showNotice, showPending, showPeople, showResult, showStep, showWho, statusLine } from "./view.js";

const STEPS = ["session", "token", "call", "answer"];
/** Milliseconds between two looks at the remaining life. */
const TICK = 250;

const sites = await market.setup();
/** Whose session the page believes in; null for nobody. */
let visitor = null;
/** The same by the claims of the token, as a user of the list. */
let user = null;
/** Of the token that is shown: its seconds, and when it was asked for. */
let life = null;
const client = createTokenClient({ exchange: exchangeAndShow, identity: () => visitor, apiOrigins: [new URL(sites.points).origin] });
const underWay = new Set();

for (const name of ["marketplace", "api", "hostile"]) {
  document.getElementById(`site-${name}`).textContent = sites[name];
}
document.getElementById("hostile-frame").src = `${sites.hostile}/`;
showPeople(sites.people, (chosen) => guarded(() => signIn(chosen)));
document.getElementById("logout").addEventListener("click", () => guarded(signOut));
document.getElementById("call-again").addEventListener("click", () => guarded(callAndShow));
document.getElementById("new-token").addEventListener("click", () => guarded(async () => {
  client.invalidate();
  await callAndShow();
}));
for (const button of document.querySelectorAll("[data-attack]")) {
  button.addEventListener("click", () => attack(button.dataset.attack));
}
setInterval(() => showLife(life && { total: life.total, remaining: Math.max(life.total - (performance.now() - life.asked) / 1000, 0) }), TICK);
// A page that comes back from the browser's memory may show an account that has been left since.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
if (sites.session) await guarded(resume);

async function signIn(chosen) {
  forget();
  showStep("session", "busy");
  const answer = await market.login(chosen);
  visitor = chosen;
  client.identityChanged();
  showStep("session", "ok", [
    ["Request", "POST /demo/login"],
    ["Answer", statusLine(answer)],
    ["Cookie", answer.body.cookie],
    ["Script sees", document.cookie || "nothing: the cookie is HttpOnly"],
  ]);
  await callAndShow();
}

/** The cookie of an earlier visit is still there: the exchange tells whose it is. */
async function resume() {
  visitor = "somebody";
  showStep("session", "ok", [["Cookie", "of an earlier visit"], ["Script sees", document.cookie || "nothing: the cookie is HttpOnly"]]);
  await callAndShow().catch((error) => {
    if (error.code !== "signed_out") throw error;
    forget();
  });
}

async function signOut() {
  forget();
  client.signOut();
  // The button just pressed is disabled now; keyboard users go on where the next action is.
  document.querySelector("[data-user]").focus();
  await market.logout();
}

function forget() {
  visitor = user = life = null;
  for (const step of STEPS) showStep(step, "idle");
  for (const button of document.querySelectorAll("[data-attack]")) showPending(button.dataset.attack);
  showClaims(null);
  showLife(null);
  showWho(null, null);
}

async function exchangeAndShow({ signal }) {
  showStep("token", "busy");
  const asked = performance.now();
  const answer = await market.exchange(sites.audience, signal).catch((error) => {
    throw error.status === 401 ? new TokenClientError("signed_out", error.message, { status: 401, serverCode: error.code }) : error;
  });
  // The client will not take it either: somebody else signed in meanwhile.
  signal.throwIfAborted();
  const decoded = decode(answer.body.token);
  showStep("token", "ok", [
    ["Request", `POST /v1/token\n{"audience":"${sites.audience}"}`],
    ["Answer", statusLine(answer)],
    ["Token", `${elided(answer.body.token)} ${decoded.header.alg}, ${decoded.claims.exp - decoded.claims.iat} s`],
  ]);
  showClaims(decoded);
  life = { total: answer.body.expires_in, asked };
  user = sites.people.find((person) => person.subject === decoded.claims.sub)?.id ?? null;
  showWho(decoded.claims, user);
  return answer.body;
}

async function callAndShow() {
  showStep("answer", "idle");
  const { latest } = await market.apiLog(0);
  const token = await client.token();
  showStep("call", "busy");
  const answer = await read(() => client.fetch(sites.points));
  const { lines } = await market.apiLog(latest);
  const preflight = lines.find((line) => line.method === "OPTIONS" && line.origin === location.origin);
  showStep("call", "ok", [
    ["Request", `GET ${sites.points}\nAuthorization: Bearer ${elided(token)}`],
    ["Preflight", preflight ? `OPTIONS answered ${preflight.status}` : "passed before, remembered by the browser"],
    ["Answer", statusLine(answer)],
  ]);
  const { sub, name, tenant, points, code } = answer.body;
  if (answer.status === 200) {
    showStep("answer", "ok", [["User", name], ["Tenant", tenant], ["Subject", sub], ["Points", String(points)]]);
  } else {
    showStep("answer", "failed", [["Status", String(answer.status)], ["Code", code ?? "none"], ["Handler", "not run"]]);
  }
}

async function attack(name) {
  if (underWay.has(name)) return;
  underWay.add(name);
  showPending(name, "Under way…");
  try {
    const { verdict, fields } = await run(name, { client, sites, user });
    showResult(name, verdict, fields);
  } catch (error) {
    showResult(name, { kind: "error", text: "This attack could not be tried." }, { "browser-error": String(error) });
  } finally {
    underWay.delete(name);
  }
}

/** Runs what a button asks for; a failure is told in words and marks the step that was under way. */
async function guarded(action) {
  showNotice(null);
  try {
    await action();
  } catch (error) {
    for (const step of STEPS) {
      if (document.getElementById(`step-${step}`).dataset.state === "busy") showStep(step, "failed", [["Error", error.message]]);
    }
    showNotice(`${error.message}.`);
  }
}
