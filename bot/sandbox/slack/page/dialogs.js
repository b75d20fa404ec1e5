// Modals in their stack, confirmations, toasts.
import { focusables, h, trapTab } from "./dom.js";
import { icon } from "./icons.js";
import { plain, textObject } from "./text.js";
import { blocks } from "./blocks.js";
import { act, redraw, store, ui } from "./store.js";

export function modalViews() {
  const stack = store.state.modals;
  return stack.length ? [modal(stack[stack.length - 1], stack.length)] : [];
}

const typed = (form) => [...form.querySelectorAll("[data-text-field]")].map((input) => ({ block_id: input.dataset.blockId, action_id: input.dataset.actionId, value: input.value }));

function submit(event, view) {
  event.preventDefault();
  const key = "submit/" + view.id;
  if (ui.busy.has(key) || !view.submit) return;
  act({ do: "submit", values: typed(event.currentTarget) }, key);
}

function modal(view, depth) {
  const busy = ui.busy.has("submit/" + view.id);
  const close = () => act({ do: "close" });
  const closeAll = () => act({ do: "close", everything: true });
  const onkeydown = (event) => {
    trapTab(event, event.currentTarget);
    if (event.key !== "Escape" || ui.popover || ui.confirm) return;
    event.stopPropagation();
    close();
  };
  return h("div", { class: "shade", "data-key": "modal/" + view.id },
    depth > 1 ? h("div", { class: `modal-behind depth-${depth}`, "aria-hidden": "true" }) : null,
    h("form", { class: "modal", role: "dialog", "aria-modal": "true", "aria-labelledby": "modal-title", "data-testid": "modal", "data-callback-id": view.callback_id, novalidate: true,
      onsubmit: (event) => submit(event, view), onkeydown },
    h("header", { class: "modal-head" },
      depth > 1 ? h("button", { type: "button", class: "button quiet square", onclick: close, "aria-label": "Back" }, icon("back")) : h("span", { class: "modal-mark" }, icon("ferry")),
      h("h2", { id: "modal-title" }, ...plain(view.title.text)),
      h("button", { type: "button", class: "button quiet square", onclick: closeAll, "aria-label": "Close", "data-testid": "modal-x" }, icon("close"))),
    h("div", { class: "modal-body" }, blocks(view.blocks, { surface: "modal" }, view.state.values, view.errors)),
    h("footer", { class: "modal-foot" },
      h("button", { type: "button", class: "button", onclick: close, "data-testid": "modal-close" }, ...plain(view.close?.text || (view.submit ? "Cancel" : "Close"))),
      view.submit ? h("button", { type: "submit", class: `button primary${busy ? " busy" : ""}`, disabled: busy, "data-testid": "modal-submit" }, h("span", null, ...plain(view.submit.text))) : null)));
}

let focusedView = null;
export function focusNewModal() {
  const stack = store.state.modals, top = stack[stack.length - 1];
  if (!top) { focusedView = null; return; }
  const box = document.querySelector(".modal");
  if (focusedView === top.id && box?.contains(document.activeElement)) return;
  if (focusedView === top.id && (ui.popover || ui.confirm)) return;
  focusedView = top.id;
  const wanted = box.querySelector(".block-input .input, .block-input .select, .block-input input") || focusables(box.querySelector(".modal-foot"))[0];
  wanted?.focus({ preventScroll: true });
}

export function confirmView() {
  if (!ui.confirm) return null;
  const { dialog, run, back } = ui.confirm;
  const done = (yes) => { ui.confirm = null; redraw(); back?.isConnected && back.focus(); if (yes) run(); };
  const onkeydown = (event) => { trapTab(event, event.currentTarget); if (event.key === "Escape") { event.stopPropagation(); done(false); } };
  return h("div", { class: "shade over", "data-key": "confirm" },
    h("div", { class: "modal small", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "confirm-title", "data-testid": "confirm", onkeydown },
      h("header", { class: "modal-head" }, h("h2", { id: "confirm-title" }, ...plain(dialog.title.text))),
      h("div", { class: "modal-body text" }, ...textObject(dialog.text)),
      h("footer", { class: "modal-foot" },
        h("button", { type: "button", class: "button", onclick: () => done(false), "data-testid": "confirm-deny" }, ...plain(dialog.deny.text)),
        h("button", { type: "button", class: `button ${dialog.style || "primary"}`, onclick: () => done(true), "data-testid": "confirm-yes" }, ...plain(dialog.confirm.text)))));
}

export const focusConfirm = () => {
  const box = document.querySelector("[data-testid=confirm]");
  if (box && !box.contains(document.activeElement)) box.querySelector("[data-testid=confirm-deny]").focus();
};

export function toastViews() {
  return h("div", { class: "toasts", "aria-live": "assertive", "data-key": "toasts" },
    ui.toasts.map((one) => h("div", { class: "toast", role: "alert", "data-testid": "toast", "data-key": String(one.id) }, icon("alert"), h("span", null, one.text))));
}
