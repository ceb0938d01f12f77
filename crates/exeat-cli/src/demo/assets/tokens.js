// Tokens taken apart and sent by hand: for showing them, and for the attacks. An honest page leaves all of this to its client.

/** Calls the API with this very token, or with none. Resolves for every HTTP answer, rejects when the browser shows none. */
export async function callApi(url, token) {
  return read(() => fetch(url, {
    headers: token ? { Authorization: `Bearer ${token}` } : {},
    mode: "cors",
    credentials: "omit",
    redirect: "error",
    cache: "no-store",
    referrerPolicy: "no-referrer",
  }));
}

/** What the page shows of an answer. */
export async function read(send) {
  const began = performance.now();
  const response = await send();
  const body = await response.json().catch(() => ({}));
  return {
    status: response.status,
    challenge: response.headers.get("www-authenticate"),
    body,
    type: response.type,
    took: performance.now() - began,
  };
}

/** Header and claims as the token states them. Nothing here is verified: that is the API's work. */
export function decode(token) {
  const [header, claims] = token.split(".");
  return { header: fromBase64Url(header), claims: fromBase64Url(claims) };
}

/** The same token with other claims under the old signature. */
export function tamper(token, change) {
  const [header, claims, signature] = token.split(".");
  return [header, toBase64Url({ ...fromBase64Url(claims), ...change }), signature].join(".");
}

function fromBase64Url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0))));
}

function toBase64Url(value) {
  const binary = String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value)));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
