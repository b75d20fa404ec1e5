// The page as a whole: who acts, where they are, what they see.
import { h, morph } from "./dom.js";
import { icon } from "./icons.js";
import { knowNames } from "./text.js";
import { blocks } from "./blocks.js";
import { popoverView, closePopover, openPopover } from "./popover.js";
import { confirmView, focusConfirm, focusNewModal, modalViews, toastViews } from "./dialogs.js";
import { panelView } from "./panel.js";
import { avatar, composer, threadView, timeline, user } from "./messages.js";
import { act, become, connect, go, onDraw, redraw, store, ui } from "./store.js";

const root = document.getElementById("root");

function sidebar() {
  const { channels, users, workspace } = store.state;
  const people = Object.entries(users).filter(([, one]) => !one.is_bot);
  const direct = channels.filter((c) => c.is_im && c.is_member);
  return h("nav", { class: "sidebar", "aria-label": "Workspace" },
    h("div", { class: "workspace" }, h("span", { class: "workspace-mark" }, icon("ferry")), h("div", null, h("strong", null, workspace.name), h("small", null, "Sandbox"))),
    h("div", { class: "nav" },
      h("h2", null, "Channels"),
      channels.filter((c) => !c.is_im).map((c) => link(c.id, c.is_private ? "lock" : "hash", c.name, c.is_archived ? "archived" : !c.is_member ? "not joined" : "")),
      h("h2", null, "App"),
      link("app", "home", user(workspace.bot).real_name + " Home"),
      direct.map((c) => link(c.id, "chat", user(workspace.bot).real_name, unseen(c)))),
    h("div", { class: "people", role: "radiogroup", "aria-label": "Act as" }, h("h2", null, "Act as"),
      people.map(([id, one]) => h("button", { type: "button", role: "radio", "aria-checked": String(id === ui.as), class: `person${id === ui.as ? " me" : ""}`, "data-testid": "person-" + id, onclick: () => become(id) },
        avatar(id, "small"), h("span", null, h("strong", null, one.real_name), h("small", null, one.is_guest ? "Guest" : one.title))))));
}

const unseen = (channel) => { const count = (store.state.messages[channel.id] || []).length; return count ? String(count) : ""; };

function link(place, mark, name, note) {
  return h("button", { type: "button", class: `place${ui.place === place ? " here" : ""}`, "aria-current": ui.place === place ? "page" : undefined, "data-testid": "place-" + place, onclick: () => go(place) },
    icon(mark), h("span", null, name), note ? h("small", null, note) : null);
}

function topButtons() {
  const { panel, shortcuts } = store.state;
  const global = shortcuts.filter((one) => one.type === "global").map((one) => ({ value: one.callback_id, text: { text: one.name }, description: { text: one.description || "" } }));
  const open = (event) => openPopover(event.currentTarget, { key: "shortcuts", menu: true, options: global, pick: (callback_id) => act({ do: "shortcut", callback_id }) });
  return h("div", { class: "top-buttons" },
    global.length ? h("button", { type: "button", class: "button quiet", onclick: open, "aria-haspopup": "menu", "data-testid": "shortcuts" }, icon("bolt"), "Shortcuts") : null,
    h("button", { type: "button", class: `button quiet${ui.panel ? " on" : ""}`, "aria-pressed": String(ui.panel), onclick: () => { ui.panel = !ui.panel; redraw(); }, "data-testid": "faults" },
      icon("storm"), "Faults", panel.problem_count ? h("span", { class: "count-badge", title: "problems" }, String(panel.problem_count)) : null));
}

function channelView(channel) {
  const title = channel.is_im ? user(store.state.workspace.bot).real_name : channel.name;
  return h("main", { class: "main", "data-key": "main" },
    h("header", { class: "top" }, h("div", { class: "title" }, h("h1", null, icon(channel.is_im ? "chat" : channel.is_private ? "lock" : "hash"), title), channel.topic ? h("p", null, channel.topic) : null),
      channel.is_im ? null : h("span", { class: "members", title: "members" }, icon("people"), String(channel.members)), topButtons()),
    h("div", { class: "scroll timeline", "data-scroll": "channel/" + channel.id, role: "log", "aria-label": "Messages", tabindex: "0" }, h("div", { class: "timeline-inner" }, channel.is_member ? timeline(channel) : h("p", { class: "empty" }, "You are not in this channel."))),
    channel.is_member ? composer(channel) : null);
}

function appView() {
  const { home, workspace } = store.state;
  const name = user(workspace.bot).real_name;
  const content = home ? blocks(home.blocks, { surface: "home" }, home.state.values, home.errors) : h("div", { class: "empty" }, icon("home"), h("p", null, `${name} has published nothing here yet.`));
  return h("main", { class: "main", "data-key": "main" },
    h("header", { class: "top" }, h("div", { class: "title" }, h("h1", null, h("span", { class: "title-mark" }, icon("ferry")), name), h("p", null, "App Home")), topButtons()),
    h("div", { class: "scroll home", "data-scroll": "home", tabindex: "0" }, h("div", { class: "home-inner", "data-testid": "home" }, content)));
}

function page() {
  const channel = store.state.channels.find((c) => c.id === ui.place || c.name === ui.place) || store.state.channels[0];
  if (ui.place !== "app") ui.place = channel.id;
  const main = ui.place === "app" ? appView() : channelView(channel);
  return h("div", { id: "root" },
    h("div", { class: `layout${ui.panel ? " with-panel" : ""}`, inert: store.state.modals.length > 0 || Boolean(ui.confirm) }, sidebar(), main, ui.place === "app" ? null : threadView(), panelView()),
    modalViews(), confirmView(), popoverView(), toastViews(),
    store.online ? null : h("p", { class: "offline", role: "status", "data-key": "offline" }, "Reconnecting…"));
}

// A list that was at its end stays at its end; another list begins there.
function bottoms() {
  return new Map([...root.querySelectorAll("[data-scroll]")].map((box) => [box.dataset.scroll, box.scrollHeight - box.scrollTop - box.clientHeight < 40]));
}

function draw() {
  if (!store.state) return;
  knowNames(store.state);
  const before = bottoms();
  morph(root, page());
  for (const box of root.querySelectorAll("[data-scroll]")) {
    const wasAtEnd = before.get(box.dataset.scroll);
    if (box.dataset.scroll !== "home" && wasAtEnd !== false) box.scrollTop = box.scrollHeight;
  }
  if (!ui.confirm && !ui.popover) focusNewModal();
  if (ui.confirm) focusConfirm();
  document.title = store.state.workspace.name;
}

addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (ui.popover) closePopover();
  else if (ui.thread && !store.state?.modals.length && !ui.confirm) go(ui.place);
});
addEventListener("resize", () => ui.popover && closePopover(false));

onDraw(draw);
connect();
if (ui.place === "app") act({ do: "open_home" });
