import { addToLog, clearLog, showWaiting } from "./log.js";

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
let frame = null;

// Counts an event; the page shows it with the next frame. A page that is not
// visible has none.
function receive(event) {
  if (event.type === "end") sawEnd = true;
  received += 1;
  countInGraph();
  addToLog(event, isNewId(event));
  frame ??= requestAnimationFrame(showReceived);
}

function showReceived() {
  byId("received").textContent = received;
  drawGraph();
  frame = showWaiting() ? requestAnimationFrame(showReceived) : null;
}

// The browser repeats the last id it heard with every event that has none, such
// as a tick; to begin with, the one that the hub said when the stream opened.
function isNewId(event) {
  const isNew = event.lastEventId !== lastId && event.type !== "tick";
  lastId = event.lastEventId;
  return isNew;
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
}

function moveGraph() {
  const second = Math.floor((performance.now() - graphOrigin) / 1000);
  const passed = Math.min(second - graphSecond, GRAPH_SECONDS);
  counts.splice(0, passed);
  counts.push(...new Array(passed).fill(0));
  graphSecond = second;
}

function drawGraph() {
  moveGraph();
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
