// The list of events. However large an event is, however many arrive, and
// whether or not the page is visible: little is kept, and little is done at a
// time, so that the page always answers.

const LOG_LENGTH = 200; // entries, and events that wait for the next frame
const LOG_SIZE = 200_000; // characters of all entries together
const DATA_LENGTH = 10_000; // characters of the data of an event
const ID_LENGTH = 200; // characters
const ID_WIDTH = 25; // characters in a line
const JSON_TOKENS = 1000; // names, values and signs; JSON with more is shown as text
const JSON_DEPTH = 32; // levels; deeper JSON is shown as text
const ONE_LINE = 120; // characters of JSON
const FRAME_TIME = 8; // milliseconds for the new entries of a frame
const FRAME_LENGTH = 50; // new entries of a frame
const FRAME_GLOW = 5; // new entries of a frame that glow; more would be a flicker
const FRAME_SIZE = 10_000; // characters of the new entries of a frame

const log = document.getElementById("log");
const scroll = log.parentElement;

let waiting = [];
let skipped = 0;
let size = 0;
let idWidth = 0;

// Takes an event; an entry for it is made in one of the next frames.
export function addToLog(event, isNewId) {
  const id = isNewId ? event.lastEventId : "";
  waiting.push({
    at: Date.now(),
    type: event.type,
    id: cut(id, ID_LENGTH),
    idLength: id.length,
    data: cut(event.data, DATA_LENGTH),
    length: event.data.length,
  });
  if (waiting.length <= LOG_LENGTH) return;
  waiting.shift();
  skipped += 1;
}

// Adds entries for events that wait; returns true if some still do.
export function showWaiting() {
  if (waiting.length === 0) return false;
  const scrolled = helpScrolling && scroll.scrollTop > 0;
  const height = scrolled && scroll.scrollHeight;
  const end = performance.now() + FRAME_TIME;
  if (skipped) add(make("li", "skipped", `${skipped} events came too fast to list them`));
  skipped = 0;
  const glows = waiting.length <= FRAME_GLOW;
  let added = 0;
  for (let count = 0; waiting.length && count < FRAME_LENGTH; count += 1) {
    if (added > FRAME_SIZE || performance.now() > end) break;
    const entry = entryFor(waiting.shift());
    entry.classList.toggle("new", glows);
    added += add(entry);
  }
  if (scrolled) scroll.scrollTop += scroll.scrollHeight - height;
  return waiting.length > 0;
}

export function clearLog() {
  log.replaceChildren();
  waiting = [];
  skipped = size = 0;
}

// Most browsers keep the lines one is reading in place when others come in
// above them. Safari has to be helped, at the price of a layout per frame.
const helpScrolling = !CSS.supports("overflow-anchor", "auto");

function add(entry) {
  const added = sizeOf(entry);
  log.prepend(entry);
  size += added;
  while (log.children.length > LOG_LENGTH || size > LOG_SIZE) {
    size -= sizeOf(log.lastChild);
    log.lastChild.remove();
  }
  return added;
}

const sizeOf = (entry) => entry.textContent.length;

// Copies what is kept, since a slice would keep the whole text in memory.
function cut(text, length) {
  if (text.length <= length) return text;
  const whole = text.slice(0, length).replace(/[\ud800-\udbff]$/, ""); // half a character
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(whole));
}

// --- Entries ----------------------------------------------------------------

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});

function entryFor({ at, type, id, idLength, data, length }) {
  const time = make("time", "at", clock.format(at));
  time.dateTime = new Date(at).toISOString();
  const entry = make("li", "event");
  entry.dataset.type = type;
  entry.append(time, make("span", "type", type), idOf(shown(id, idLength)), dataOf(data, length));
  return entry;
}

function idOf(id) {
  if (id.length > idWidth && idWidth < ID_WIDTH) {
    idWidth = Math.min(id.length, ID_WIDTH);
    log.style.setProperty("--id-width", `${idWidth}ch`);
  }
  return make("span", "id", id);
}

function dataOf(data, length) {
  if (data === "") return make("span", "data none", "no data");
  if (length > data.length) return make("code", "data", shown(data, length));
  const element = make("code", "data");
  element.append(...(isJson(data) ? layOutJson(data) : [visible(data)]));
  return element;
}

// Returns what was kept of a text, with the length of the text if it was longer.
function shown(kept, length) {
  return visible(kept) + (length > kept.length ? `… (${length} characters in all)` : "");
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

// Characters that are not seen, or change the direction of others: C0 and C1
// except tabs and line breaks, marks of direction, and separators of lines.
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function visible(text) {
  return text.replace(CONTROL, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// --- JSON -------------------------------------------------------------------

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// Works on the text as it came, since parsing and printing would change it:
// large numbers lose digits, 1.0 becomes 1, repeated keys vanish.
function layOutJson(text) {
  const tokens = text.match(/"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  if (tokens.length > JSON_TOKENS || depthOf(tokens) > JSON_DEPTH) return [visible(text)];
  const onOneLine = text.length <= ONE_LINE;
  let depth = 0;
  const newLine = () => (onOneLine ? "" : `\n${"  ".repeat(depth)}`);

  return tokens.map((token, i) => {
    switch (token) {
      case "{":
      case "[":
        depth += 1;
        return isClosing(tokens[i + 1]) ? token : token + newLine();
      case "}":
      case "]":
        depth -= 1;
        return isOpening(tokens[i - 1]) ? token : newLine() + token;
      case ",":
        return token + (newLine() || " ");
      case ":":
        return ": ";
      default:
        return make("span", kindOf(token, tokens[i + 1]), visible(token));
    }
  });
}

const isOpening = (token) => token === "{" || token === "[";
const isClosing = (token) => token === "}" || token === "]";

function depthOf(tokens) {
  let depth = 0;
  let deepest = 0;
  for (const token of tokens) {
    depth += isOpening(token) - isClosing(token);
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function kindOf(token, next) {
  if (next === ":") return "key";
  return token.startsWith('"') ? "string" : "number";
}
