// A page of another origin with a stolen token. It tries what a hostile page can try, and reports what it was shown.

const told = document.getElementById("told");
document.getElementById("origin").textContent = location.origin;

addEventListener("message", async (event) => {
  // Only the page that frames this one hands over tokens; the Content-Security-Policy says who that may be.
  if (event.source !== parent || typeof event.data?.token !== "string") return;
  const { token, url } = event.data;
  told.textContent = "I have a valid token. Calling the API…";
  const attempts = [
    await attempt(`GET ${url}\nAuthorization: Bearer ${token.slice(0, 12)}…`, url, { headers: { Authorization: `Bearer ${token}` } }),
    await attempt(`GET ${url} (plain, needs no preflight)`, url, {}),
  ];
  told.textContent = attempts.map(({ error, status }) => error ?? `I could read it: ${status}!`).join(" · ");
  event.source.postMessage({ origin: location.origin, attempts }, event.origin);
});

async function attempt(request, url, options) {
  try {
    const response = await fetch(url, { ...options, mode: "cors", credentials: "include", cache: "no-store" });
    return { request, status: response.status };
  } catch (error) {
    return { request, error: String(error) };
  }
}
