// Messages, the timeline and the thread.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { blocks, messageText } from "./blocks.js";
import { openPopover } from "./popover.js";
import { act, go, redraw, store, ui } from "./store.js";

const GROUPING_SECONDS = 300;
const COLORS = ["#2f6f9f", "#8a5a9e", "#b5612f", "#3f7f5a", "#a8475f", "#5663b0", "#86702a", "#2f7f86"];

export const user = (id) => store.state.users[id] || { name: id, real_name: id, title: "" };
const initials = (name) => name.split(/\s+/).slice(0, 2).map((word) => word[0]).join("").toUpperCase();

export function avatar(id, size = "") {
  const who = user(id);
  if (who.is_bot) return h("span", { class: `avatar bot ${size}`, "aria-hidden": "true" }, icon("ferry"));
  const color = COLORS[Math.max(0, Object.keys(store.state.users).indexOf(id) - 1) % COLORS.length];
  return h("span", { class: `avatar ${size}`, style: `--tint:${color}`, "aria-hidden": "true" }, initials(who.real_name));
}

const at = (ts) => new Date(Number(ts) * 1000);
const clock = (ts) => at(ts).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const day = (ts) => {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - at(ts).setHours(0, 0, 0, 0)) / 86400000);
  return { 0: "Today", 1: "Yesterday" }[days] || at(ts).toLocaleDateString(undefined, { weekday: "long", month: "long", day: "numeric" });
};

export function timeline(channel) {
  const all = store.state.messages[channel.id] || [];
  const shown = all.filter((m) => !m.thread_ts || m.thread_ts === m.ts || m.broadcast);
  if (!shown.length) return h("div", { class: "empty" }, icon(channel.is_im ? "chat" : "hash"), h("p", null, "Nothing here yet."), channel.is_im ? null : h("p", { class: "note" }, "Type ", h("code", null, "/migrate"), " below to begin."));
  let before = null;
  return shown.flatMap((message) => {
    const newDay = !before || day(before.ts) !== day(message.ts);
    const follows = before && !newDay && before.user === message.user && before.ephemeral === message.ephemeral && Number(message.ts) - Number(before.ts) < GROUPING_SECONDS && !before.hasReplies;
    const replies = all.filter((m) => m.thread_ts === message.ts && m.ts !== message.ts && !m.ephemeral);
    before = { ...message, hasReplies: replies.length > 0 };
    return [newDay ? h("div", { class: "day", role: "separator" }, h("span", null, day(message.ts))) : null, messageView(channel, message, { follows, replies })];
  });
}

export function messageView(channel, message, { follows = false, replies = [], inThread = false } = {}) {
  const who = user(message.user);
  const surface = { surface: "message", channel: channel.id, ts: message.ts };
  const content = message.blocks.length ? blocks(message.blocks, surface, message.state) : message.text ? [messageText(message.text)] : [];
  const attached = message.attachments.map((one) => h("div", { class: "attachment", style: one.color ? `--bar:${one.color}` : null }, one.text ? messageText(one.text) : null, one.blocks ? blocks(one.blocks, surface, message.state) : null));
  return h("article", { class: `message${follows ? " follows" : ""}${message.ephemeral ? " ephemeral" : ""}${ui.thread === message.ts && !inThread ? " open" : ""}`, "data-key": (inThread ? "t" : "") + message.ts, "data-ts": message.ts, "data-testid": "message", "aria-label": `${who.real_name}, ${clock(message.ts)}` },
    message.ephemeral ? h("p", { class: "only-you" }, icon("eye"), "Only visible to you") : null,
    h("div", { class: "gutter" }, follows ? h("time", { class: "hover-time" }, clock(message.ts)) : avatar(message.user)),
    h("div", { class: "content" },
      follows ? null : h("div", { class: "by" }, h("strong", null, who.real_name), who.is_bot ? h("span", { class: "badge" }, "app") : null, who.is_guest ? h("span", { class: "badge" }, "guest") : null, h("time", { title: at(message.ts).toLocaleString() }, clock(message.ts))),
      h("div", { class: "message-body" }, content, attached),
      message.edited ? h("span", { class: "edited" }, "(edited)") : null,
      message.files.map(fileCard),
      replies.length && !inThread ? replyLink(channel, message, replies) : null),
    inThread || message.ephemeral || message.subtype ? null : tools(channel, message));
}

function replyLink(channel, message, replies) {
  const people = [...new Set(replies.map((reply) => reply.user))].slice(0, 4);
  return h("button", { type: "button", class: "replies", onclick: () => go(channel.id, message.ts), "data-testid": "replies" },
    people.map((id) => avatar(id, "tiny")), h("strong", null, `${replies.length} ${replies.length === 1 ? "reply" : "replies"}`), h("span", null, `Last reply ${clock(replies[replies.length - 1].ts)}`));
}

function tools(channel, message) {
  const shortcuts = store.state.shortcuts.filter((one) => one.type === "message");
  const options = shortcuts.map((one) => ({ value: one.callback_id, text: { text: one.name } }));
  const pick = (callback_id) => act({ do: "message_shortcut", callback_id, channel: channel.id, ts: message.ts });
  return h("div", { class: "tools" },
    h("button", { type: "button", class: "button quiet square", "aria-label": "Reply in thread", title: "Reply in thread", onclick: () => go(channel.id, message.ts), "data-testid": "reply" }, icon("reply")),
    options.length ? h("button", { type: "button", class: "button quiet square", "aria-label": "Message shortcuts", title: "Shortcuts", onclick: (event) => openPopover(event.currentTarget, { key: "tools" + message.ts, menu: true, options, pick }) }, icon("dots")) : null);
}

const size = (bytes) => (bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1048576).toFixed(1)} MB`);

function fileCard(file) {
  const preview = file.preview.split("\n").slice(0, 8).join("\n");
  return h("div", { class: "file", "data-testid": "file" },
    h("a", { class: "file-head", href: file.url, download: file.name }, h("span", { class: "file-icon" }, icon("file")), h("span", { class: "file-name" }, h("strong", null, file.title), h("small", null, `${file.name} · ${size(file.size)}`)), icon("download", "Download")),
    file.name.endsWith(".png") ? h("img", { class: "file-picture", src: file.url, alt: file.title }) : preview ? h("pre", { class: "file-preview" }, preview) : null);
}

// -- composing

export function composer(channel, thread) {
  const send = async (box) => {
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    grow(box);
    await act({ do: "say", channel: channel.id, text, thread_ts: thread || undefined });
  };
  const name = thread ? "Reply…" : channel.is_im ? "Message Ferrybot" : `Message #${channel.name}`;
  const key = `compose/${channel.id}/${thread || ""}`;
  if (channel.is_archived) return h("p", { class: "archived" }, "This channel is archived.");
  return h("form", { class: "composer", "data-key": key, onsubmit: (event) => { event.preventDefault(); send(event.currentTarget.querySelector("textarea")); } },
    thread ? null : hints(key),
    h("textarea", { class: "compose", rows: 1, placeholder: name, "aria-label": name, "data-testid": thread ? "thread-composer" : "composer", "data-key": key,
      oninput: (event) => { grow(event.target); redraw(); },
      onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); send(event.target); } } }),
    h("button", { type: "submit", class: "button send", "aria-label": "Send" }, icon("send")));
}

function grow(box) {
  box.style.height = "auto";
  box.style.height = Math.min(160, box.scrollHeight) + "px";
}

function hints(key) {
  const typed = document.querySelector(`textarea[data-key="${key}"]`)?.value || "";
  if (!typed.startsWith("/")) return null;
  const fitting = store.state.commands.filter((one) => one.command.startsWith(typed.split(" ")[0]));
  return fitting.length ? h("div", { class: "command-hints" }, fitting.map((one) => h("div", null, h("strong", null, one.command), " ", h("code", null, one.usage_hint || ""), h("span", null, one.description || "")))) : null;
}

export function threadView() {
  const channel = store.state.channels.find((c) => c.id === ui.place);
  if (!ui.thread || !channel) return null;
  const all = (store.state.messages[channel.id] || []).filter((m) => m.ts === ui.thread || m.thread_ts === ui.thread);
  if (!all.length) return null;
  const count = all.filter((m) => m.ts !== ui.thread).length;
  return h("aside", { class: "side thread", "aria-label": "Thread", "data-key": "thread", "data-testid": "thread" },
    h("header", { class: "side-head" }, h("div", null, h("h2", null, "Thread"), h("p", null, channel.is_im ? "Direct message" : "#" + channel.name)),
      h("button", { type: "button", class: "button quiet square", "aria-label": "Close thread", onclick: () => go(channel.id) }, icon("close"))),
    h("div", { class: "side-body scroll", "data-scroll": "thread/" + ui.thread, tabindex: "0" },
      all.flatMap((message) => [messageView(channel, message, { inThread: true }), message.ts === ui.thread && count ? h("div", { class: "count", role: "separator" }, h("span", null, `${count} ${count === 1 ? "reply" : "replies"}`)) : null])),
    composer(channel, ui.thread));
}
