// The form that publishes; it is there if everyone may publish to the hub.

const HUB = ".well-known/mercure";
const ANSWER_LENGTH = 1000; // characters

const byId = (id) => document.getElementById(id);
const form = byId("publish");

async function offerToPublish() {
  try {
    const response = await fetch("status", { cache: "no-store" });
    if (!response.ok || !(await response.json()).may_publish) return;
  } catch {
    return; // The server is gone, which the rest of the page tells.
  }
  for (const element of [form, byId("terminal"), byId("curl-publish")]) element.hidden = false;
  const url = new URL(HUB, document.baseURI);
  byId("curl-publish").textContent = `curl -d topic=demo -d data=hello ${url}`;
}

async function publish(event) {
  event.preventDefault();
  const body = new URLSearchParams({ topic: byId("topic").value, data: byId("data").value });
  try {
    const response = await fetch(HUB, { method: "POST", body });
    const text = (await response.text()).trim().slice(0, ANSWER_LENGTH);
    if (response.ok) answer("published", `Published as ${text}`);
    else answer("refused", `${response.status}: ${text}`);
  } catch {
    answer("refused", "The server could not be reached.");
  }
}

function answer(state, text) {
  byId("answer").dataset.state = state;
  byId("answer").textContent = text;
}

form.addEventListener("submit", publish);
offerToPublish();
