import { EventSource } from "eventsource-4";
import { headers, listen, url } from "./say.mjs";

// This library has no option for headers, but accepts another fetch.
function fetchWithToken(input, init) {
  return fetch(input, { ...init, headers: { ...init.headers, ...headers } });
}

listen(new EventSource(url, { fetch: fetchWithToken }));

