// Keeps a page true: local times, countdowns, and sections fetched again when something happened.
// Without it a page shows the same, as of its loading.

const FEED = "/api/v1/events";
const AGAIN_MS = 5000;
// News often come several at once; and a storm of them is not one of fetches.
const SETTLE_MS = 250;
const BETWEEN_MS = 1000;

function showTimes(within) {
  for (const element of within.querySelectorAll("time[datetime]:not([data-until])")) {
    if (element.dataset.shown === element.dateTime) continue;
    const at = new Date(element.dateTime);
    element.title = element.textContent;
    element.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
    element.dataset.shown = element.dateTime;
  }
  count(within);
}

function span(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  const first = parts.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0s";
  let rest = seconds;
  return parts.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count ? `${count}${unit}` : "";
  }).join("");
}

// The server's clock decides; how far this one is off was learnt at loading.
const offsetMs = Number(document.body.dataset.now ?? Date.now()) - Date.now();

function count(within) {
  for (const element of within.querySelectorAll("time[data-until]")) {
    const left = Math.round((new Date(element.dateTime) - Date.now() - offsetMs) / 1000);
    element.textContent = left >= 0 ? `in ${span(left)}` : `${span(-left)} ago`;
    element.title = new Date(element.dateTime).toLocaleString();
  }
}

// What somebody is typing, or has unfolded, outlives the section that it stands in.
function carryOver(from, to) {
  for (const open of from.querySelectorAll("details[id]")) {
    const next = to.querySelector(`#${CSS.escape(open.id)}`);
    if (next) next.open = open.open;
  }
  for (const field of from.querySelectorAll("input[id], textarea[id], select[id]")) {
    const next = to.querySelector(`#${CSS.escape(field.id)}`);
    if (!next || field.type === "hidden") continue;
    if (field.type === "checkbox" || field.type === "radio") next.checked = field.checked;
    else next.value = field.value;
  }
}

function replace(section, next) {
  // A decision is on what was seen: another plan is never slipped under a button.
  const { bound } = section.dataset;
  if (bound && next.dataset.bound && bound !== next.dataset.bound) {
    section.dataset.stale = "";
    for (const button of section.querySelectorAll("button")) button.disabled = true;
    return;
  }
  const focused = section.contains(document.activeElement) ? document.activeElement.id : "";
  carryOver(section, next);
  section.replaceWith(next);
  showTimes(next);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

const known = new Map();

async function refresh() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
  if (!response.ok) throw new Error(`${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  for (const section of document.querySelectorAll("[data-section]")) {
    const next = page.getElementById(section.id);
    if (!next) continue;
    const text = next.outerHTML;
    if (known.get(section.id) === text) continue;
    known.set(section.id, text);
    replace(section, document.adoptNode(next));
  }
}

class Live {
  constructor(after, events) {
    this.after = after;
    this.events = events;
    this.light = document.getElementById("connection");
    this.busy = false;
    this.fetchedAt = 0;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    window.addEventListener("online", () => this.open());
    window.addEventListener("offline", () => this.say("lost", "offline: what you see may be old"));
    if (!document.hidden) this.open();
  }

  say(state, words) {
    if (this.light.dataset.state === state) return;
    this.light.dataset.state = state;
    this.light.querySelector(".words").textContent = words;
  }

  open() {
    this.close();
    if (!this.lost) this.say("connecting", "connecting");
    // Within one stream the browser itself goes on after its last event; a new stream is told.
    this.source = new EventSource(`${FEED}?after=${this.after}`);
    this.source.addEventListener("stream.opened", () => {
      this.say("live", "live");
      if (this.lost) this.later();
      this.lost = false;
    });
    for (const name of this.events) this.source.addEventListener(name, (event) => this.took(event));
    this.source.onerror = () => {
      this.lost = true;
      this.say("lost", "connection lost: what you see may be old; trying again");
      if (this.source.readyState === EventSource.CLOSED) this.closed();
    };
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
  }

  // The server refused the stream: perhaps nobody is logged in here any more.
  async closed() {
    try {
      const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        this.say("ended", "you are logged out: reload to log in");
        return;
      }
    } catch {
      // It can't be asked either; it is tried again.
    }
    this.again();
  }

  again() {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), AGAIN_MS);
  }

  took(event) {
    this.after = event.lastEventId;
    this.later();
  }

  later() {
    if (this.pending) return;
    const wait = Math.max(SETTLE_MS, this.fetchedAt + BETWEEN_MS - Date.now());
    this.pending = setTimeout(() => {
      this.pending = undefined;
      this.fetch();
    }, wait);
  }

  async fetch() {
    if (this.busy) return this.later();
    this.busy = true;
    try {
      await refresh();
    } catch {
      this.lost = true;
      this.say("lost", "the page could not be fetched again; trying again");
      this.again();
    } finally {
      this.busy = false;
      this.fetchedAt = Date.now();
    }
  }
}

// Twice pressed is meant once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, AGAIN_MS);
});

showTimes(document);
setInterval(() => count(document), 1000);
const { liveAfter, liveEvents } = document.body.dataset;
if (liveAfter !== undefined) new Live(liveAfter, liveEvents.split(" "));
