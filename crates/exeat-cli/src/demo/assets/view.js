// Writes into the page: text only, never markup.

const byId = (id) => document.getElementById(id);

const STATES = { idle: "waiting", busy: "running…", ok: "done", failed: "refused" };

const MEANINGS = {
  iss: "who signed it",
  aud: "the one API it is for",
  sub: "the user",
  name: "the user's name",
  tenant: "the user's company",
  iat: "issued",
  nbf: "not before",
  exp: "not after",
  jti: "this token's own number",
  sid: "the session, as a keyed hash",
  scope: "what it allows",
  ro: "read only",
};
const TIMES = new Set(["iat", "nbf", "exp"]);

/** Moves one of the four steps to a state, with facts `[[label, text], …]` if it has any. */
export function showStep(step, state, facts) {
  const item = byId(`step-${step}`);
  item.dataset.state = state;
  item.querySelector('[data-part="state"]').textContent = STATES[state];
  if (facts || state === "idle") {
    item.querySelector('[data-part="facts"]').replaceChildren(...(facts ?? []).map(([label, text]) => fact(label, text)));
  }
}

/** The decoded token, or nothing. */
export function showClaims(decoded) {
  const body = byId("token-claims").tBodies[0];
  if (!decoded) {
    const cell = element("td", "No token yet. Sign in to get one.", { className: "empty", colSpan: 3 });
    return body.replaceChildren(element("tr", [cell]));
  }
  const header = Object.entries(decoded.header).map(([name, value]) => claimRow(name, String(value), "header"));
  const claims = Object.entries(decoded.claims).map(([name, value]) => {
    const text = TIMES.has(name) ? `${value} · ${clockTime(value)}` : String(value);
    return claimRow(name, text, MEANINGS[name] ?? "");
  });
  return body.replaceChildren(...header, ...claims);
}

/** The countdown; null means that there is no token. */
export function showLife(life) {
  const seconds = life ? Math.ceil(life.remaining) : null;
  const label = byId("token-life");
  label.textContent = life ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "–:––";
  label.dataset.remaining = seconds ?? "";
  byId("token-bar").value = life ? life.remaining / life.total : 0;
}

/** An attack's outcome: `fields` by the names of the template, a missing one is left out. */
export function showResult(attack, verdict, fields) {
  const place = document.querySelector(`[data-result="${attack}"]`);
  const content = byId("result-template").content.cloneNode(true);
  content.querySelector('[data-part="verdict"]').textContent = verdict.text;
  for (const field of content.querySelectorAll("[data-field]")) {
    const text = fields[field.dataset.field];
    if (text === undefined) field.parentElement.remove();
    else field.textContent = text;
  }
  place.dataset.verdict = verdict.kind;
  place.replaceChildren(content);
}

/** An attack that is under way, or (without a text) one that was not tried. */
export function showPending(attack, text) {
  const place = document.querySelector(`[data-result="${attack}"]`);
  delete place.dataset.verdict;
  place.replaceChildren(...(text ? [element("p", text, { className: "pending" })] : []));
}

/** The sign-in buttons. */
export function showPeople(people, onChoose) {
  byId("people").replaceChildren(...people.map((person) => {
    const served = person.served ? "served by this API" : "not a customer of this API";
    const button = element("button", [
      element("span", person.name.slice(0, 1).toUpperCase(), { className: "face", ariaHidden: "true" }),
      element("span", person.name, { className: "name" }),
      element("span", `tenant ${person.tenant}, ${served}`, { className: "tenant" }),
    ], { type: "button", className: "person" });
    button.dataset.user = person.id;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => onChoose(person.id));
    return button;
  }));
}

/** Who is signed in, by the claims of the token; null for nobody. */
export function showWho(claims, userId) {
  byId("who").textContent = claims ? `Signed in as ${claims.name}, tenant ${claims.tenant}.` : "Nobody is signed in.";
  byId("logout").disabled = !claims;
  for (const button of document.querySelectorAll("[data-user]")) {
    button.setAttribute("aria-pressed", String(button.dataset.user === userId));
  }
  for (const id of ["call-again", "new-token"]) byId(id).disabled = !claims;
  for (const button of document.querySelectorAll("[data-attack]")) button.disabled = !claims;
  byId("attacks-hint").textContent = claims
    ? "Every one is a real request to the real API. A green frame means that the gate held."
    : "Sign in first: most of these start from a good token.";
}

/** A sentence about something that should not happen; none clears it. */
export function showNotice(text) {
  byId("notice").hidden = !text;
  byId("notice").textContent = text ?? "";
}

/** A token that may be shown: its beginning, never its signature. */
export const elided = (token) => `${token.slice(0, 12)}…`;

/** `200 OK`-like text is not sent over HTTP/2 and means nothing: status and time are enough. */
export const statusLine = ({ status, took }) => `${status} in ${Math.max(Math.round(took), 1)} ms`;

function fact(label, text) {
  return element("div", [element("dt", label), element("dd", text)]);
}

function claimRow(name, value, meaning) {
  const row = element("tr", [element("th", name), element("td", value), element("td", meaning, { className: "meaning" })]);
  row.firstChild.scope = "row";
  row.dataset.claim = name;
  return row;
}

function clockTime(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function element(tag, content, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (Array.isArray(content)) made.append(...content);
  else made.textContent = content;
  return made;
}
