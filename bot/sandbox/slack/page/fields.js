// Interactive elements. A surface says where one stands: {surface, channel, ts} or {surface: "modal" | "home"}.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { plain, textObject } from "./text.js";
import { act, redraw, store, ui } from "./store.js";
import { openPopover } from "./popover.js";

const TEXT_TYPES = { number_input: "text", email_text_input: "email", url_text_input: "url" };
const keyOf = (surface, block, element) => [surface.ts || surface.surface, block.block_id, element.action_id].join("/");
const marks = (block, element) => ({ "data-action-id": element.action_id, "data-block-id": block.block_id });

export const usable = (element) => element.type !== "image";

export function field(surface, block, element, entry) {
  const one = { surface, block, element, entry: entry || {}, key: keyOf(surface, block, element), id: "f-" + keyOf(surface, block, element).replace(/[^\w-]/g, "-") };
  return (FIELDS[element.type] || picker)(one);
}

export function confirmThen(element, run) {
  if (!element.confirm) return run();
  ui.confirm = { dialog: element.confirm, run, back: document.activeElement };
  redraw();
  return null;
}

function send(one, value) {
  const { surface, block, element } = one;
  const request = { do: "fill", ...surface, block_id: block.block_id, action_id: element.action_id, value };
  return confirmThen(element, () => act(request));
}

const press = (one, value, extra) => {
  const { surface, block, element, key } = one;
  const request = { do: "click", ...surface, block_id: block.block_id, action_id: element.action_id, value, ...extra };
  return confirmThen(element, () => act(request, key + (element.value || "")));
};

function button(one) {
  const { element, block, key } = one;
  const busy = ui.busy.has(key + (element.value || ""));
  const click = () => {
    if (element.url) window.open(element.url, "_blank", "noopener");
    press(one, element.value);
  };
  return h("button", {
    type: "button", class: `button ${element.style || ""}${busy ? " busy" : ""}`, disabled: busy, onclick: click, "data-key": key,
    "aria-label": element.accessibility_label, "data-value": element.value, "data-testid": "button", ...marks(block, element),
  }, h("span", null, ...plain(element.text.text)));
}

function overflow(one) {
  const options = one.element.options;
  const open = (event) => openPopover(event.currentTarget, { key: one.key, menu: true, options, pick: (value) => press(one, value) });
  return h("button", { type: "button", class: "button quiet square", onclick: open, "aria-label": "More actions", "aria-haspopup": "menu",
    "aria-expanded": String(ui.popover?.key === one.key), "data-key": one.key, "data-testid": "overflow", ...marks(one.block, one.element) }, icon("dots"));
}

function checkboxes(one) {
  const chosen = new Set((one.entry.selected_options || []).map((option) => option.value));
  const ticked = (box) => [...box.querySelectorAll("input:checked")].map((input) => input.value);
  return choices(one, "checkbox", chosen, (option, event) => send(one, ticked(event.target.closest(".choices"))));
}

function radios(one) {
  const chosen = new Set(one.entry.selected_option ? [one.entry.selected_option.value] : []);
  return choices(one, "radio", chosen, (option) => send(one, option.value));
}

function choices(one, type, chosen, change) {
  const role = type === "radio" ? "radiogroup" : "group";
  return h("div", { class: "choices", role, id: one.id, "data-key": one.key, ...marks(one.block, one.element) },
    one.element.options.map((option, index) => h("label", { class: "choice" },
      h("input", { type, name: one.id, value: option.value, checked: chosen.has(option.value), id: `${one.id}-${index}`, onchange: (event) => change(option, event) }),
      h("span", null, h("span", { class: "choice-text" }, ...textObject(option.text)),
        option.description ? h("span", { class: "choice-more" }, ...textObject(option.description)) : null))));
}

function text(one) {
  const { element, block, surface, entry } = one;
  const value = entry.value ?? "";
  const tells = block.type !== "input" || block.dispatch_action;
  const triggers = element.dispatch_action_config?.trigger_actions_on || ["on_enter_pressed"];
  let waiting = 0;
  const common = {
    class: "input", id: one.id, placeholder: element.placeholder?.text, value, "data-server-value": value, "data-key": one.key, "data-text-field": true,
    maxlength: element.type === "plain_text_input" ? element.max_length : undefined, autocomplete: "off", ...marks(block, element),
    onblur: (event) => surface.surface === "modal" && event.target.value !== value && act({ do: "fill", ...surface, dispatch: false, ...ids(one), value: event.target.value }),
    oninput: (event) => {
      if (!tells || !triggers.includes("on_character_entered")) return;
      clearTimeout(waiting);
      waiting = setTimeout(() => send(one, event.target.value), 300);
    },
    onkeydown: (event) => {
      if (event.key !== "Enter" || !tells || !triggers.includes("on_enter_pressed") || element.multiline) return;
      event.preventDefault();
      send(one, event.target.value);
    },
  };
  if (element.multiline) return h("textarea", { ...common, rows: 4 });
  return h("input", { ...common, type: TEXT_TYPES[element.type] || "text", inputmode: element.type === "number_input" ? "decimal" : undefined });
}
const ids = (one) => ({ block_id: one.block.block_id, action_id: one.element.action_id });

function dateLike(type, name) {
  return (one) => h("input", { type, class: "input narrow", id: one.id, value: one.entry[name] || "", "data-server-value": one.entry[name] || "", "data-key": one.key,
    onchange: (event) => send(one, event.target.value), ...marks(one.block, one.element) });
}

function dateTime(one) {
  const stamp = one.entry.selected_date_time;
  const local = stamp ? new Date(stamp * 1000 - new Date(stamp * 1000).getTimezoneOffset() * 60000).toISOString().slice(0, 16) : "";
  return h("input", { type: "datetime-local", class: "input narrow", id: one.id, value: local, "data-server-value": local, "data-key": one.key,
    onchange: (event) => send(one, event.target.value ? Math.floor(new Date(event.target.value).getTime() / 1000) : ""), ...marks(one.block, one.element) });
}

// -- selects of every kind

const optionOf = (value, label) => ({ value, text: { type: "plain_text", text: label } });
const people = () => Object.entries(store.state.users).filter(([, user]) => !user.is_bot && !user.deleted).map(([id, user]) => optionOf(id, user.real_name));
const places = () => store.state.channels.filter((c) => !c.is_im).map((c) => optionOf(c.id, "#" + c.name));

function source(element) {
  if (element.type.includes("users_select")) return people();
  if (element.type.includes("conversations_select") || element.type === "channels_select") return places();
  return null;
}

function selected({ element, entry }) {
  const value = Object.entries(entry).find(([name]) => name.startsWith("selected_"))?.[1];
  const list = value === null || value === undefined ? [] : Array.isArray(value) ? value : [value];
  const known = source(element);
  return known ? list.map((id) => known.find((option) => option.value === id) || optionOf(id, id)) : list;
}

function picker(one) {
  const { element, block, surface } = one;
  const many = element.type.startsWith("multi_");
  const chosen = selected(one);
  const external = element.type.includes("external");
  const ask = (query) => act({ do: "suggest", ...surface, action_id: element.action_id, query }).then((result) => result.options || []);
  const pick = (value) => {
    if (!many) return send(one, value);
    const before = selected({ element, entry: current(one) }).map((option) => option.value); // as it is now, the list stays open
    return send(one, before.includes(value) ? before.filter((v) => v !== value) : [...before, value]);
  };
  const open = (event) => openPopover(event.currentTarget, {
    key: one.key, options: source(element) || element.options, groups: element.option_groups, ask: external ? ask : null, many, pick,
    least: external ? element.min_query_length ?? 3 : 0, chosen: () => new Set(selected({ element, entry: current(one) }).map((option) => option.value)),
    clear: many || !chosen.length || block.type !== "input" || !block.optional ? null : () => send(one, ""),
  });
  const label = chosen.length ? h("span", { class: "select-value" }, many ? chosen.map((option) => h("span", { class: "chip" }, ...plain(option.text.text))) : plain(chosen[0].text.text))
    : h("span", { class: "select-empty" }, element.placeholder?.text || "Select an item");
  return h("button", { type: "button", class: "select", id: one.id, role: "combobox", "aria-haspopup": "listbox", "aria-expanded": String(ui.popover?.key === one.key), onclick: open,
    onkeydown: (event) => { if (event.key === "ArrowDown") { event.preventDefault(); open(event); } }, "data-key": one.key, "data-testid": "select", ...marks(block, element) }, label, icon("down"));
}

function current(one) {
  const { surface, block, element } = one;
  const top = store.state.modals[store.state.modals.length - 1];
  const message = (store.state.messages[surface.channel] || []).find((m) => m.ts === surface.ts);
  const values = surface.surface === "modal" ? top?.state.values : surface.surface === "home" ? store.state.home?.state.values : message?.state;
  return values?.[block.block_id]?.[element.action_id] || {};
}

const FIELDS = {
  button, overflow, checkboxes, radio_buttons: radios, plain_text_input: text, number_input: text, email_text_input: text, url_text_input: text,
  datepicker: dateLike("date", "selected_date"), timepicker: dateLike("time", "selected_time"), datetimepicker: dateTime,
};
