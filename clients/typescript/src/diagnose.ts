import type { TokenClient } from "./index.js";

/**
 * Why the browser shows no answer:
 *
 * - `offline`: the browser says that there is no network.
 * - `no_answer`: nothing was shown at all. DNS, TLS, a closed port or the page's own Content-Security-Policy; or a server that hides
 *   from pages of other origins (`Cross-Origin-Resource-Policy`), as exeat's gate does: its log then has `origin_not_allowed`.
 * - `origin_not_allowed`: the API answers, but not to pages of this origin.
 * - `readable`: a plain request is answered and may be read. What failed before was its preflight (a method or a header that is not
 *   allowed), a redirect, or has passed.
 */
export type Diagnosis = "offline" | "no_answer" | "origin_not_allowed" | "readable";

export interface DiagnoseOptions {
  /** What to ask, without a token. Any route of the API will do; a 401 is an answer. Default: the root of the first of `apiOrigins`. */
  readonly url?: string | URL;
  readonly signal?: AbortSignal;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** After `network_or_cors`: which of the two. Sends up to two simple requests, which have no preflight, no token and no cookie. */
export async function diagnose(client: TokenClient, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const { signal, fetch = (url, init) => globalThis.fetch(url, init) } = options;
  const url = client.admit(options.url ?? `${client.apiOrigins[0]}/`).href;
  const answers = (mode: RequestMode): Promise<boolean> =>
    fetch(url, { mode, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", ...(signal && { signal }) }).then(
      (response) => {
        void response.body?.cancel();
        return true;
      },
      () => {
        signal?.throwIfAborted();
        return false;
      },
    );
  if (await answers("cors")) return "readable";
  // An opaque answer shows the page nothing except that there was one.
  if (await answers("no-cors")) return "origin_not_allowed";
  return globalThis.navigator?.onLine === false ? "offline" : "no_answer";
}
