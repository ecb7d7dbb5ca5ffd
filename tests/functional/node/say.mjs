// What a program has heard goes to its stdout, a line of JSON each.

export const [, , url, token] = process.argv;

// What a client sends that has a token.
export const headers = token ? { Authorization: `Bearer ${token}` } : {};

export function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

// Says what a client with the interface of EventSource hears.
export function listen(source) {
  source.onopen = () => say({ opened: true });
  source.onmessage = ({ lastEventId, data }) => say({ id: lastEventId, data });
  source.onerror = ({ code, status }) => say({ failed: code ?? status ?? null });
}
