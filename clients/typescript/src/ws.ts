import type { TokenClient } from "./index.js";

export interface WebSocketOptions {
  /** The namespace that the API was given (`with_web_socket_token`). Default: the host name of the URL. */
  readonly namespace?: string;
  /** The caller's abort, until the socket is made. */
  readonly signal?: AbortSignal;
  /** Default: the global `WebSocket`. */
  readonly WebSocket?: new (url: string, protocols: string[]) => WebSocket;
}

/** A name of a subprotocol (RFC 6455 §4.1). */
const NAME = /^[!#$%&'*+\-.^_`|~\w]+$/;
const PREFIX = "base64url.bearer.authorization.";
/** With this code (RFC 6455 §7.4.2: 4000 to 4999 are the application's) exeat's gate ends a socket whose token has expired. */
const EXPIRED = 4401;

/**
 * A WebSocket with the token among its subprotocols, since a page can set no other header of a handshake:
 * `base64url.bearer.authorization.<namespace>.<base64url of the token>`. The API takes it out and chooses one of `protocols`, of
 * which there must be one. A socket is closed when the account changes; when the token expires the API closes it. After a socket that was
 * closed with 4401, or before it was open, the next one has another token, unless the API has refused one after the other.
 */
export async function ws(client: TokenClient, url: string | URL, protocols: string | readonly string[], options: WebSocketOptions = {}): Promise<WebSocket> {
  const target = new URL(url);
  const namespace = options.namespace ?? target.hostname;
  const names = [protocols].flat();
  if (target.protocol !== "wss:" && target.protocol !== "ws:") throw new TypeError("the URL of a WebSocket begins with wss:");
  if (!names.length) throw new TypeError("protocols: none; the API has to choose one beside the token");
  const wrong = [namespace, ...names].find((name, at, all) => !NAME.test(name) || name.startsWith(PREFIX) || (at > 0 && all.indexOf(name, 1) !== at));
  if (wrong !== undefined) throw new TypeError(`${wrong}: no name of a subprotocol, or named twice`);
  const api = client.admit(target.href.replace(/^ws/, "http"));

  const account = client.accountSignal;
  const token = await client.token({ ...options, url: api });
  // It may have changed between the token and us. A change that nobody told of is noticed by looking.
  void client.accountSignal;
  account.throwIfAborted();
  const Socket = options.WebSocket ?? WebSocket;
  let socket: WebSocket;
  try {
    socket = new Socket(target.href, [PREFIX + namespace + "." + btoa(token).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, ""), ...names]);
  } catch {
    // The browser's complaint may quote what it was given.
    throw new TypeError(`no WebSocket to ${target.origin} can be made`);
  }
  const close = (): void => socket.close(1000, "the account changed");
  account.addEventListener("abort", close);
  let isOpen = false;
  socket.addEventListener("open", () => (isOpen = true));
  socket.addEventListener("close", ({ code }) => {
    account.removeEventListener("abort", close);
    // A page learns nothing of why a handshake failed. Of all reasons a refused token is the one that another attempt can mend.
    if (!isOpen || code === EXPIRED) client.refused(token, api, !isOpen);
  });
  return socket;
}
