// node without a library: res.write, in pieces cut anywhere, and a reset now and then.

import { setTimeout } from "node:timers/promises";
import { RETRY, TYPE, serve, text } from "./counting.mjs";

const PIECE = 7; // bytes; cuts fields, characters and line ends
let connections = 0;

serve(async (request, response, numbers) => {
  connections += 1;
  response.socket.setNoDelay(true);
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
  response.flushHeaders();
  for (const number of numbers) {
    const lines = text(number).split("\n");
    const data = lines.map((line) => `data: ${line}\r\n`).join("");
    const bytes = Buffer.from(
      `: comment\r\nretry: ${RETRY}\r\nid: ${number}\r\nevent: ${TYPE}\r\n${data}\r\n`,
    );
    for (let start = 0; start < bytes.length; start += PIECE) {
      response.write(bytes.subarray(start, start + PIECE));
      await setTimeout(1);
    }
  }
  // The client asks again for the numbers that a reset has lost.
  if (connections % 2) response.socket.resetAndDestroy();
  else response.end("data: a block that has no end");
});
