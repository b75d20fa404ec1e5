// What the page knows: the server's state for the person acting, and what only this window knows.

const query = new URLSearchParams(location.search);

export const store = { state: null, online: false };
export const ui = {
  as: query.get("as") || localStorage.getItem("sandbox.as") || "U0ALICE",
  place: query.get("channel") || "C0MIGRATIONS", // a channel id, or "app" for App Home
  tab: "home", thread: query.get("thread"), popover: null, confirm: null, panel: query.has("faults"),
  toasts: [], busy: new Set(),
};

let draw = () => {};
let queued = false;
export const onDraw = (run) => { draw = run; };
export function redraw() {
  if (queued) return;
  queued = true;
  const go = () => { queued = false; draw(); };
  if (document.hidden) setTimeout(go, 0); else requestAnimationFrame(go);
}

let socket = null;
export function connect() {
  const mine = new WebSocket(`ws://${location.host}/live?as=${ui.as}`);
  socket?.close();
  socket = mine;
  mine.onmessage = (event) => {
    if (mine !== socket) return;
    store.state = JSON.parse(event.data);
    store.online = true;
    redraw();
  };
  mine.onclose = () => {
    if (mine !== socket) return;
    store.online = false;
    redraw();
    setTimeout(() => mine === socket && connect(), 1000);
  };
}

export function become(user) {
  ui.as = user;
  localStorage.setItem("sandbox.as", user);
  ui.popover = ui.confirm = null;
  remember();
  connect();
  if (ui.place === "app" && ui.tab === "home") act({ do: "open_home" });
}

export function go(place, thread = null) {
  const opensHome = place === "app" && ui.place !== "app";
  ui.place = place;
  ui.thread = thread;
  ui.popover = null;
  if (opensHome && ui.tab === "home") act({ do: "open_home" });
  remember();
  redraw();
}

function remember() {
  const now = new URLSearchParams({ as: ui.as, channel: ui.place });
  if (ui.thread) now.set("thread", ui.thread);
  history.replaceState(null, "", "/?" + now);
}

async function post(path, body) {
  try {
    const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return await response.json();
  } catch {
    return { ok: false, error: "The sandbox does not answer." };
  }
}

export async function act(body, key) {
  if (key) { ui.busy.add(key); redraw(); }
  const result = await post("/do/act", { as: ui.as, ...body });
  if (key) { ui.busy.delete(key); redraw(); }
  if (!result.ok && result.error) toast(result.error);
  return result;
}

export const fault = (body) => post("/do/fault", body);

export function toast(text) {
  const one = { text, id: Math.random() };
  ui.toasts.push(one);
  redraw();
  setTimeout(() => { ui.toasts = ui.toasts.filter((other) => other !== one); redraw(); }, 7000);
}
