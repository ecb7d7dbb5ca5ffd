// better-sse as in its guide: a session per subscriber, one channel for all.
//
//     node better_sse.mjs PORT HEARTBEAT-SECONDS PATH-OF-BETTER-SSE

import { createServer } from "node:http";
import { carryOut } from "./order.mjs";

const { createChannel, createSession } = await import(process.argv[4]);
const [port, heartbeat] = process.argv.slice(2, 4).map(Number);
const channel = createChannel();

const server = createServer(async (request, response) => {
  if (request.method === "POST") {
    carryOut(request.url, (data) => channel.broadcast(data));
    response.end();
    return;
  }
  const keepAlive = heartbeat ? heartbeat * 1000 : null;
  channel.register(await createSession(request, response, { keepAlive }));
});
server.listen({ port, host: "127.0.0.1", backlog: 4096 });
