// It is for browsers, and asks for a window.
globalThis.window = globalThis;

const { fetchEventSource } = await import("@microsoft/fetch-event-source");
const { headers, say, url } = await import("./say.mjs");

await fetchEventSource(url, {
  headers,
  openWhenHidden: true, // or it would ask for a document, too
  async onopen(response) {
    say(response.ok ? { opened: true } : { failed: response.status });
  },
  onmessage(event) {
    if (event.event === "") say({ id: event.id, data: event.data });
  },
  onclose() {
    throw new Error("ended"); // without that, it does not come back from a stream that was ended
  },
});
