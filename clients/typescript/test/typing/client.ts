// Compiled and never run: what the types allow, and what they forbid.
import { AccountChangedError, createTokenClient, TokenClientError, type FailureCode } from "@exeat/client";
import { diagnose, type Diagnosis } from "@exeat/client/diagnose";
import { events } from "@exeat/client/events";
import serviceAuthToken from "@exeat/client/serviceAuthToken";
import { ws } from "@exeat/client/ws";

const apiOrigins = ["https://api.example.com"];
const exchange = ({ signal }: { signal: AbortSignal }): Promise<Response> => fetch("/v1/token", { method: "POST", signal });

const client = createTokenClient({ exchange, apiOrigins });
export const answer: Promise<Response> = client.fetch(new URL("https://api.example.com/"), { method: "POST" });
export const token: Promise<string> = client.token({ signal: AbortSignal.abort() });
// A client is what fetch is, where a library asks for one.
export const asFetch: typeof fetch = client.fetch;

createTokenClient({ exchange: async () => ({ token: "t", refresh_after: 210 }), identity: () => null, apiOrigins: apiOrigins as readonly string[], expect: { sub: "u" }, cache: { maxReuseMs: 0 }, channel: null });

// As README.md's page: whom it shows may be nobody, and the tenant may not be known.
const session: { user: string | null; tenant: string | undefined } = { user: "u-1", tenant: undefined };
createTokenClient({ apiOrigins, exchange, identity: () => session.user, expect: { get sub() { return session.user; }, get tenant() { return session.tenant; } } });
// @ts-expect-error a claim that is compared is a text
createTokenClient({ apiOrigins, exchange, expect: { sub: 7 } });
// @ts-expect-error no other claim is
createTokenClient({ apiOrigins, exchange, expect: { iss: "https://market.example.com" } });
export const forOne: Promise<string> = client.token({ url: "https://api.example.com/" });

// @ts-expect-error an exchange is required
createTokenClient({ apiOrigins });
// @ts-expect-error so is the allow-list
createTokenClient({ exchange });
// @ts-expect-error an exchange resolves to an answer or a token with what is known of it
createTokenClient({ apiOrigins, exchange: async () => "token" });
// @ts-expect-error identity is told at once, not later
createTokenClient({ apiOrigins, exchange, identity: async () => "u" });
// @ts-expect-error a misspelt option
createTokenClient({ apiOrigins, exchange, maxReuseMs: 0 });
// @ts-expect-error same-origin would send the API's cookies to pages of its own origin
createTokenClient({ apiOrigins, exchange, credentials: "same-origin" });
// @ts-expect-error nor may answers of one user be kept for the next
createTokenClient({ apiOrigins, exchange, httpCache: "force-cache" });
// @ts-expect-error nobody replaces a method of a client
client.fetch = fetch;
// @ts-expect-error the parts are methods only of a client that is given them
client.ws("wss://api.example.com/", "v1");

const whole = createTokenClient({ apiOrigins, exchange, with: { ws, events, diagnose } });
export const socket: Promise<WebSocket> = whole.ws("wss://api.example.com/", ["v1"], { namespace: "market" });
export const diagnosis: Promise<Diagnosis> = whole.diagnose();
export async function read(): Promise<string[]> {
  const found = [];
  for await (const { data } of whole.events((last) => `https://api.example.com/?after=${last}`)) found.push(data);
  return found;
}
client.refused("t", new URL("https://api.example.com/"));
client.refused(new Response());
// @ts-expect-error a token alone does not say which API refused it
client.refused("t");
whole.events("https://api.example.com/", { expired: null });
// @ts-expect-error a subprotocol is required
whole.ws("wss://api.example.com/");
// @ts-expect-error a part takes the client first
createTokenClient({ apiOrigins, exchange, with: { wrong: (url: string) => url } });

export function told(error: unknown): FailureCode | "bug" {
  if (error instanceof AccountChangedError) return error.code;
  if (!(error instanceof TokenClientError)) return "bug";
  switch (error.code) {
    case "signed_out": case "exchange_failed": case "rate_limited": case "auth_rejected": case "account_changed": case "network_or_cors": case "aborted":
      return error.code;
    default: {
      const nothing: never = error.code;
      return nothing;
    }
  }
}
// @ts-expect-error no such failure
new TokenClientError("expired", "");

export const drop: Promise<{ status?: number; errorMessage?: string; response?: unknown }> = serviceAuthToken.fetchExternalData("https://api.example.com/", {}, 5_000);
export const bare: Promise<{ token?: string; status?: number; errorMessage?: string }> = serviceAuthToken.getServiceAuthToken();
serviceAuthToken.reset();
// @ts-expect-error the options of the request come second
serviceAuthToken.fetchExternalData("https://api.example.com/");
