import polyfill from "event-source-polyfill";
import { headers, listen, url } from "./say.mjs";

listen(new polyfill.EventSourcePolyfill(url, { headers }));
