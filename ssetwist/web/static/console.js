const LOG_LENGTH = 200;
const DATA_LENGTH = 10_000;
const ONE_LINE = 120;
const GRAPH_SECONDS = 60;
const GRAPH_HEIGHT = 20;
const GRAPH_LEAST_PEAK = 3;
const GRAPH_LEAST_BAR = 2;
const POLL_EVERY = 1000;
const POLL_SOON = 100;
const POLL_PATIENCE = 5000;
const UNKNOWN = "–";

const byId = (id) => document.getElementById(id);
const connectButton = byId("connect");
const disconnectButton = byId("disconnect");
const log = byId("log");
const scroll = log.parentElement;

// --- The connection ---------------------------------------------------------

let source = null;
let openedAt = null;
let sawEnd = false;
let lastId = "";

function connect() {
  source = new EventSource("sse");
  sawEnd = false;
  lastId = "";
  for (const type of ["message", "tick", "gap", "end"]) {
    source.addEventListener(type, receive);
  }
  source.addEventListener("open", followConnection);
  source.addEventListener("error", followConnection);
  show("connecting", "Waiting for the server to answer.");
}

function disconnect() {
  source?.close();
  const note = openedAt === null ? "You closed the stream." : `You closed the stream after ${connectedFor()}.`;
  show("closed", note);
  poll();
  // The server may answer before it has heard of the close.
  pollAgain = true;
}

function leavePage() {
  if (source) {
    source.close();
    show("closed", "The stream was closed when you left this page.");
  }
  polling?.abort();
}

function followConnection(event) {
  // A server may name an event of its own "open" or "error".
  if (event instanceof MessageEvent) return receive(event);
  switch (source.readyState) {
    case EventSource.OPEN:
      openedAt = performance.now();
      sawEnd = false;
      show("open", "Subscribed. Events from the server are listed below.");
      return poll();
    case EventSource.CONNECTING:
      return show("reconnecting", sawEnd
        ? "The server said goodbye. The browser asks once more."
        : "The stream broke off. The browser is trying again.");
    case EventSource.CLOSED:
      show("ended by the server", sawEnd
        ? "The stream is over. The browser will not ask again."
        : "The server declined. The browser will not ask again.");
      return poll();
  }
}

function show(state, note) {
  const over = state === "closed" || state === "ended by the server";
  if (over) source = null;
  if (state !== "open") openedAt = null;
  byId("state").textContent = state;
  byId("state").dataset.state = state;
  byId("note").textContent = note;
  if (over) offer(connectButton, disconnectButton);
  else offer(disconnectButton, connectButton);
  showPassingTime();
}

function offer(button, other) {
  // A button loses the focus when it is disabled: hand it on first.
  const focused = document.activeElement === other;
  button.disabled = false;
  if (focused) button.focus();
  other.disabled = true;
}

// Enter held down would otherwise go back and forth between the two buttons.
function ignoreHeldEnter(event) {
  if (event.repeat && event.key === "Enter") event.preventDefault();
}

// --- Events that arrive -----------------------------------------------------

let received = 0;

// Most browsers keep the lines one is reading in place when others come in
// above them. Safari has to be helped, at the price of a layout per event.
const helpScrolling = !CSS.supports("overflow-anchor", "auto");

function receive(event) {
  if (event.type === "end") sawEnd = true;
  received += 1;
  byId("received").textContent = received;
  addToLog(entryFor(event));
  countInGraph();
}

function addToLog(entry) {
  const scrolled = helpScrolling && scroll.scrollTop > 0;
  const height = scrolled && scroll.scrollHeight;
  log.prepend(entry);
  if (scrolled) scroll.scrollTop += scroll.scrollHeight - height;
  while (log.children.length > LOG_LENGTH) log.lastChild.remove();
}

function clearLog() {
  log.replaceChildren();
}

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});

function entryFor(event) {
  const now = new Date();
  const time = make("time", "at", clock.format(now));
  time.dateTime = now.toISOString();
  const entry = make("li", "event");
  entry.dataset.type = event.type;
  entry.append(time, make("span", "type", event.type), idOf(event), dataOf(event));
  return entry;
}

// The browser repeats the last id it heard with every event that has none, such
// as a tick; to begin with, the one that the hub said when the stream opened.
function idOf(event) {
  const isNew = event.lastEventId !== lastId && event.type !== "tick";
  lastId = event.lastEventId;
  return make("span", "id", isNew ? event.lastEventId : "");
}

function dataOf(event) {
  const { data } = event;
  if (data === "") return make("span", "data none", "no data");
  if (data.length > DATA_LENGTH) {
    return make("code", "data", `${data.slice(0, DATA_LENGTH)}… (${data.length} characters in all)`);
  }
  const element = make("code", "data");
  element.append(...(isJson(data) ? layOutJson(data) : [data]));
  return element;
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
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
        return make("span", kindOf(token, tokens[i + 1]), token);
    }
  });
}

const isOpening = (token) => token === "{" || token === "[";
const isClosing = (token) => token === "}" || token === "]";

function kindOf(token, next) {
  if (next === ":") return "key";
  return token.startsWith('"') ? "string" : "number";
}

// --- The last minute --------------------------------------------------------

const counts = new Array(GRAPH_SECONDS).fill(0);
const bars = counts.map(makeBar);
let graphSecond = 0;
let graphOrigin = performance.now();

function makeBar(_, i) {
  const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  bar.setAttribute("x", i + 0.15);
  bar.setAttribute("width", 0.7);
  byId("graph").append(bar);
  return bar;
}

function countInGraph() {
  // Begin half a second before the first event, so that a steady beat of one
  // a second falls in the middle of each bar and not on its edge.
  if (!counts.some(Boolean)) {
    graphOrigin = performance.now() - 500;
    graphSecond = 0;
  }
  moveGraph();
  counts[GRAPH_SECONDS - 1] += 1;
  drawGraph();
}

function moveGraph() {
  const second = Math.floor((performance.now() - graphOrigin) / 1000);
  const passed = Math.min(second - graphSecond, GRAPH_SECONDS);
  counts.splice(0, passed);
  counts.push(...new Array(passed).fill(0));
  graphSecond = second;
}

function drawGraph() {
  const peak = Math.max(GRAPH_LEAST_PEAK, ...counts);
  bars.forEach((bar, i) => {
    const height = counts[i] && Math.max((counts[i] / peak) * GRAPH_HEIGHT, GRAPH_LEAST_BAR);
    bar.setAttribute("height", height);
    bar.setAttribute("y", GRAPH_HEIGHT - height);
  });
  byId("minute").textContent = counts.reduce((sum, count) => sum + count);
}

// --- Time -------------------------------------------------------------------

function connectedFor() {
  const seconds = Math.floor((performance.now() - openedAt) / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours === 0) return `${minutes}:${two(seconds % 60)}`;
  return `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

function showPassingTime() {
  byId("since").textContent = openedAt === null ? UNKNOWN : connectedFor();
  moveGraph();
  drawGraph();
}

// --- How many subscribers ---------------------------------------------------

let polling = null;
let pollAgain = false;
let pollTimer;

async function poll() {
  clearTimeout(pollTimer);
  if (document.visibilityState !== "visible") return;
  if (polling) {
    // Its answer may be older than what just happened.
    pollAgain = true;
    return;
  }
  polling = new AbortController();
  byId("subscribers").textContent = await askForSubscribers(polling);
  polling = null;
  pollTimer = setTimeout(poll, pollAgain ? POLL_SOON : POLL_EVERY);
  pollAgain = false;
}

async function askForSubscribers(controller) {
  const timer = setTimeout(() => controller.abort(), POLL_PATIENCE);
  try {
    const response = await fetch("status", { cache: "no-store", signal: controller.signal });
    if (!response.ok) return UNKNOWN;
    const { subscribers } = await response.json();
    return Number.isInteger(subscribers) ? subscribers : UNKNOWN;
  } catch {
    return UNKNOWN;
  } finally {
    clearTimeout(timer);
  }
}

// --- Begin ------------------------------------------------------------------

connectButton.addEventListener("click", connect);
disconnectButton.addEventListener("click", disconnect);
connectButton.parentElement.addEventListener("keydown", ignoreHeldEnter);
byId("clear").addEventListener("click", clearLog);
byId("curl").textContent = `curl -N ${new URL("sse", document.baseURI)}`;

window.addEventListener("pagehide", leavePage);
window.addEventListener("pageshow", poll);
document.addEventListener("visibilitychange", poll);

setInterval(showPassingTime, 500);
