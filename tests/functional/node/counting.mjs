// A server for the tests; tests/functional/servers/__init__.py says what it does and why.

import { createServer } from "node:http";

export const LAST = 9;
export const EACH = 3;
export const RETRY = 10;
export const TYPE = "count";

export function text(number) {
  return `${number}\n\nünd weiter 🙂`;
}

// Answers each request with the next numbers of its client, and prints its port.
export function serve(answer) {
  const server = createServer(async (request, response) => {
    const begin = Number(request.headers["last-event-id"] ?? 0) + 1;
    if (begin > LAST) {
      response.writeHead(204).end();
      return;
    }
    const numbers = [];
    for (let number = begin; number < begin + EACH && number <= LAST; number++) {
      numbers.push(number);
    }
    await answer(request, response, numbers);
  });
  server.listen({ port: 0, host: "127.0.0.1" }, () => console.log(server.address().port));
}
