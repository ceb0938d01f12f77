/** `http` is for development, on names that never leave the machine. */
const LOOPBACK = /^(?:(?:[^.]+\.)*localhost|127\.0\.0\.1|\[::1\])$/;

/** Why a token must not go to this URL; nothing if it may. */
export function unsafeBecause({ protocol, hostname }: URL): string | undefined {
  if (protocol === "https:" || (protocol === "http:" && LOOPBACK.test(hostname))) return undefined;
  return `${protocol}//${hostname} is not https`;
}

/** What is wrong with an entry of the allow-list, if anything is. */
export function originProblem(entry: unknown): string | undefined {
  let url: URL;
  try {
    url = new URL(entry as string);
  } catch {
    return `apiOrigins: ${String(entry)} is no origin`;
  }
  const unsafe = unsafeBecause(url);
  if (unsafe) return `apiOrigins: ${unsafe}`;
  if (url.hostname.includes("*")) return `apiOrigins: ${url.origin} is a pattern; list the origins`;
  return url.origin === entry ? undefined : `apiOrigins: ${url.origin} is meant by ${String(entry)}`;
}
