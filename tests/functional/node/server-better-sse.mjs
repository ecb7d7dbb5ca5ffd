// better-sse writes the data of an event as JSON.

import { createSession } from "better-sse";
import { RETRY, TYPE, serve, text } from "./counting.mjs";

serve(async (request, response, numbers) => {
  const session = await createSession(request, response, { retry: RETRY });
  for (const number of numbers) session.push(text(number), TYPE, String(number));
  response.end();
});
