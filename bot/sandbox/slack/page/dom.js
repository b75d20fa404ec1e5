// Elements from calls, and a tree made equal to another without losing focus, scroll or half-typed text.

const HANDLERS = ["onclick", "oninput", "onchange", "onkeydown", "onblur", "onfocus", "onsubmit", "onmousedown", "onscroll"];
const PROPERTIES = new Set(["value", "checked", "disabled", "innerHTML", ...HANDLERS]);

export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  if (tag === "textarea" && props && props.value) node.defaultValue = props.value;
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.namespaceURI !== "http://www.w3.org/1999/xhtml") {
    if (!old.isEqualNode(fresh)) old.replaceWith(fresh);
    return;
  }
  const serverValueChanged = old.dataset.serverValue !== fresh.dataset.serverValue;
  syncAttributes(old, fresh);
  for (const name of HANDLERS) old[name] = fresh[name];
  if ("checked" in old) old.checked = fresh.checked;
  if ("disabled" in old) old.disabled = fresh.disabled;
  if (serverValueChanged && "value" in old && document.activeElement !== old) old.value = fresh.value;
  if (old.tagName !== "TEXTAREA") syncChildren(old, fresh);
}

function syncAttributes(old, fresh) {
  const grown = old.tagName === "TEXTAREA"; // its height is its own business
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !(grown && name === "style")) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function syncChildren(old, fresh) {
  const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    let match = key ? keyed.get(key) : place;
    if (!match || match.parentNode !== old || !alike(match, child)) match = null;
    if (!match) {
      old.insertBefore(child, place);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    morph(match, child);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

export function focusables(box) {
  const all = box.querySelectorAll("button, input, textarea, select, a[href], [tabindex='0']");
  return [...all].filter((node) => !node.disabled && node.offsetParent !== null);
}

export function trapTab(event, box) {
  if (event.key !== "Tab") return;
  const inside = focusables(box);
  if (!inside.length) return;
  const first = inside[0], last = inside[inside.length - 1];
  if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
  else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
}
