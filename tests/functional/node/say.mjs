// A program writes everything that it receives to its stdout, one line of JSON each.

export const [, , url, token] = process.argv;

// Headers of a client that has a token.
export const headers = token ? { Authorization: `Bearer ${token}` } : {};

export function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

// Reports what a client with the interface of EventSource receives.
export function listen(source) {
  source.onopen = () => say({ opened: true });
  source.onmessage = ({ lastEventId, data }) => say({ id: lastEventId, data });
  source.onerror = ({ code, status }) => say({ failed: code ?? status ?? null });
}
