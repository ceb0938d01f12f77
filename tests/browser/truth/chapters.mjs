// Every chapter of facts, in the order of docs/browser-truth.md.
import * as responses from "./responses.mjs";
import * as preflights from "./preflights.mjs";
import * as cache from "./cache.mjs";
import * as credentials from "./credentials.mjs";
import * as redirects from "./redirects.mjs";
import * as origins from "./origins.mjs";
import * as metadata from "./metadata.mjs";
import * as sockets from "./sockets.mjs";
import * as extension from "./extension.mjs";
import * as gate from "./gate.mjs";
import * as sample from "./sample.mjs";
import * as client from "./client.mjs";

export const chapters = [responses, preflights, cache, credentials, redirects, origins, metadata, sockets, extension, gate, sample, client];
