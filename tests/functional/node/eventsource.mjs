import { EventSource } from "eventsource";
import { headers, listen, url } from "./say.mjs";

// It has no option for headers, but takes another fetch.
function fetchWithToken(input, init) {
  return fetch(input, { ...init, headers: { ...init.headers, ...headers } });
}

listen(new EventSource(url, { fetch: fetchWithToken }));

// Its timer until it comes back lets node end, if there is nothing else to do.
setInterval(() => {}, 60_000);
