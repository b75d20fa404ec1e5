// The panel of misfortunes, of problems found and of calls made.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { fault, redraw, store, ui } from "./store.js";

const METHODS = ["*", "chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "views.update", "views.publish", "files.completeUploadExternal", "users.info", "usergroups.users.list", "conversations.replies"];
const choice = { method: "chat.postMessage", times: 1, error: "missing_scope" };

export function panelView() {
  if (!ui.panel) return null;
  const { panel } = store.state;
  return h("aside", { class: "side panel", "aria-label": "Faults", "data-key": "panel", "data-testid": "fault-panel" },
    h("header", { class: "side-head" }, h("div", null, h("h2", null, "Bad weather"), h("p", null, "What Slack may do to an app on a bad day")),
      h("button", { type: "button", class: "button quiet square", "aria-label": "Close faults", onclick: () => { ui.panel = false; redraw(); } }, icon("close"))),
    h("div", { class: "side-body" }, switches(panel), calls(), clock(panel), waiting(panel), problems(panel), log(panel)));
}

const group = (title, ...children) => h("section", { class: "group" }, h("h3", null, title), ...children);

function toggle(panel, name, label, more) {
  return h("label", { class: "switch" }, h("span", null, label, h("small", null, more)),
    h("input", { type: "checkbox", role: "switch", checked: panel[name], "data-testid": name, onchange: (event) => fault({ do: name, on: event.target.checked }) }));
}

function switches(panel) {
  return group("Switches",
    toggle(panel, "outage", "Outage", "every call answers 503"),
    toggle(panel, "duplicate_gestures", "Double delivery", "every gesture arrives twice"),
    toggle(panel, "swallow_gestures", "Lost gestures", "nothing reaches the app"));
}

function calls() {
  const run = (name, extra) => () => fault({ do: name, ...choice, ...extra });
  const button = (label, name, extra) => h("button", { type: "button", class: "button small", onclick: run(name, extra), "data-testid": name }, label);
  return group("The next calls",
    h("div", { class: "row" },
      h("select", { class: "input", "aria-label": "Method", onchange: (event) => { choice.method = event.target.value; redraw(); } }, METHODS.map((name) => h("option", { value: name, selected: name === choice.method }, name === "*" ? "any method" : name))),
      h("input", { class: "input count", type: "number", min: "1", "aria-label": "How many", value: String(choice.times), onchange: (event) => { choice.times = Number(event.target.value) || 1; } })),
    h("div", { class: "wrap" }, button("429", "ratelimit"), button("500", "server_error"), button("no answer", "time_out"), button("dropped", "drop"), button("applied, then 500", "apply_then_fail"), button("applied, then dropped", "apply_then_fail", { how: "drop" })),
    h("div", { class: "row" }, h("input", { class: "input", "aria-label": "Error", value: choice.error, onchange: (event) => { choice.error = event.target.value; } }), h("button", { type: "button", class: "button small", onclick: run("refuse"), "data-testid": "refuse" }, "refuse")));
}

function clock(panel) {
  const advance = (seconds) => () => fault({ do: "advance", seconds });
  const button = (label, onclick) => h("button", { type: "button", class: "button small", onclick }, label);
  return group("Time and connections",
    h("p", { class: "note" }, panel.mode === "http" ? "HTTP mode" : `${panel.connections} Socket Mode connection${panel.connections === 1 ? "" : "s"}`, panel.clock_offset ? ` · clock ${Math.round(panel.clock_offset)} s ahead` : ""),
    h("div", { class: "wrap" }, button("+4 s", advance(4)), button("+1 min", advance(60)), button("+31 min", advance(1860)), button("refresh sockets", () => fault({ do: "disconnect" })), button("cut sockets", () => fault({ do: "disconnect", reason: "drop" })), button("good weather", () => fault({ do: "clear" }))));
}

function waiting(panel) {
  if (!panel.waiting.length) return null;
  return group("Waiting to happen", h("ul", { class: "log" }, panel.waiting.map((one) => h("li", null, h("code", null, one.method), ` ${one.name}`, one.times ? ` × ${one.times}` : ""))));
}

function problems(panel) {
  return group(`Problems (${panel.problem_count})`, panel.problems.length
    ? h("ul", { class: "log bad", "data-testid": "problems" }, [...panel.problems].reverse().map((text) => h("li", null, text)))
    : h("p", { class: "note" }, "None so far."));
}

function log(panel) {
  const entry = (call) => h("li", { class: call.ok ? "" : "bad" }, h("code", null, call.method), call.ok ? "" : ` ${call.error}`, call.fault ? h("em", null, ` ${call.fault}`) : "");
  return group(`Calls (${panel.call_count})`, h("ul", { class: "log" }, [...panel.calls].reverse().map(entry)));
}
