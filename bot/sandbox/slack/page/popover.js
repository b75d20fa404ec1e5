// One list at a time: the options of a select, searchable, or the entries of a menu.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { plain } from "./text.js";
import { redraw, ui } from "./store.js";

export function openPopover(anchor, config) {
  if (ui.popover?.key === config.key) return closePopover();
  const box = anchor.getBoundingClientRect();
  ui.popover = { ...config, anchor, query: "", active: 0, box, found: config.options || [], asked: !config.ask };
  if (config.ask && !config.least) search("");
  redraw();
  requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(".popover input, .popover [role=menuitem]")?.focus()));
  return null;
}

export function closePopover(back = true) {
  const { anchor } = ui.popover || {};
  ui.popover = null;
  redraw();
  if (back && anchor?.isConnected) anchor.focus();
}

let turn = 0, timer = 0;
function search(query) {
  const mine = ++turn, popover = ui.popover;
  clearTimeout(timer);
  if (query.length < popover.least) { popover.found = []; popover.asked = false; redraw(); return; }
  timer = setTimeout(async () => {
    const found = await popover.ask(query);
    if (mine !== turn || ui.popover !== popover) return;
    Object.assign(popover, { found, asked: true, active: 0 });
    redraw();
  }, query ? 180 : 0);
}

const matches = (option, query) => option.text.text.toLowerCase().includes(query.toLowerCase());

function visible(popover) {
  if (popover.ask) return [{ options: popover.found }];
  const groups = popover.groups ? popover.groups.map((g) => ({ label: g.label.text, options: g.options })) : [{ options: popover.found }];
  return groups.map((group) => ({ ...group, options: group.options.filter((option) => matches(option, popover.query)) })).filter((g) => g.options.length);
}

function take(popover, option) {
  if (!popover.many) closePopover();
  popover.pick(option.value);
}

function keys(event, popover, flat) {
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (moves[event.key]) {
    event.preventDefault();
    popover.active = (popover.active + moves[event.key] + flat.length) % Math.max(1, flat.length);
    redraw();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = document.querySelector(".popover .active");
      at?.scrollIntoView({ block: "nearest" });
      if (popover.menu) at?.focus();
    }));
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (flat[popover.active]) take(popover, flat[popover.active]);
  } else if (event.key === "Escape" || event.key === "Tab") {
    event.preventDefault();
    event.stopPropagation();
    closePopover();
  }
}

export function popoverView() {
  const popover = ui.popover;
  if (!popover) return null;
  const groups = visible(popover), flat = groups.flatMap((group) => group.options);
  const onkeydown = (event) => keys(event, popover, flat);
  return h("div", { class: "popover-shade", "data-key": "popover", onmousedown: (event) => { if (event.target === event.currentTarget) closePopover(false); } },
    h("div", { class: "popover", style: place(popover), onkeydown }, popover.menu ? null : searchBox(popover),
      h("div", { role: popover.menu ? "menu" : "listbox", class: "options", "aria-multiselectable": popover.many ? "true" : undefined }, listed(popover, groups, flat)),
      popover.clear ? h("button", { type: "button", class: "option clear", onclick: () => { closePopover(); popover.clear(); } }, "Clear selection") : null));
}

function searchBox(popover) {
  const oninput = (event) => {
    Object.assign(popover, { query: event.target.value, active: 0 });
    if (popover.ask) search(popover.query); else redraw();
  };
  return h("input", { class: "input search", type: "text", role: "searchbox", "aria-label": "Search options", placeholder: "Search", oninput, autocomplete: "off", "data-testid": "select-search" });
}

function listed(popover, groups, flat) {
  if (!popover.asked) return h("p", { class: "option-note" }, popover.least ? `Type at least ${popover.least} characters` : "Searching…");
  if (!flat.length) return h("p", { class: "option-note" }, "No results");
  const chosen = popover.chosen ? popover.chosen() : new Set();
  return groups.map((group) => [
    group.label ? h("p", { class: "option-group" }, group.label) : null,
    group.options.map((option) => entry(popover, option, flat.indexOf(option), chosen.has(option.value))),
  ]);
}

function entry(popover, option, index, isChosen) {
  return h("button", {
    type: "button", role: popover.menu ? "menuitem" : "option", class: `option${index === popover.active ? " active" : ""}${isChosen ? " chosen" : ""}`, tabindex: "-1",
    "aria-selected": popover.menu ? undefined : String(isChosen), "data-value": option.value, "data-testid": "option", onclick: () => take(popover, option),
  }, h("span", { class: "option-text" }, ...plain(option.text.text), option.description ? h("span", { class: "choice-more" }, option.description.text) : null), isChosen ? icon("check") : null);
}

function place({ box, menu }) {
  const width = menu ? 220 : Math.max(240, box.width), height = 300;
  const left = Math.max(8, Math.min(menu ? box.right - width : box.left, innerWidth - width - 8));
  const above = box.bottom + height > innerHeight && box.top > height;
  const vertical = above ? `bottom:${innerHeight - box.top + 4}px` : `top:${box.bottom + 4}px`;
  return `left:${left}px;width:${width}px;${vertical}`;
}
