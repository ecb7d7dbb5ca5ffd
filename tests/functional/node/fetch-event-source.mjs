// This library is for browsers and needs a window.
globalThis.window = globalThis;

const { fetchEventSource } = await import("@microsoft/fetch-event-source");
const { headers, say, url } = await import("./say.mjs");

await fetchEventSource(url, {
  headers,
  openWhenHidden: true, // otherwise it also needs a document
  async onopen(response) {
    say(response.ok ? { opened: true } : { failed: response.status });
  },
  onmessage(event) {
    if (event.event === "") say({ id: event.id, data: event.data });
  },
  onclose() {
    throw new Error("ended"); // otherwise it does not reconnect after the end of a stream
  },
});
