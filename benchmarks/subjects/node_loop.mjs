// node without a library: a set of responses, and write() in a loop.
//
//     node node_loop.mjs PORT HEARTBEAT-SECONDS

import { createServer } from "node:http";
import { carryOut } from "./order.mjs";

const [port, heartbeat] = process.argv.slice(2).map(Number);
const responses = new Set();

function write(frame) {
  for (const response of responses) response.write(frame);
}

const server = createServer((request, response) => {
  if (request.method === "POST") {
    carryOut(request.url, (data) => write(`data: ${data}\n\n`));
    response.end();
    return;
  }
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.flushHeaders();
  responses.add(response);
  request.on("close", () => responses.delete(response));
});
if (heartbeat) setInterval(write, heartbeat * 1000, ":\n\n");
server.listen({ port, host: "127.0.0.1", backlog: 4096 });
