// Small drawings: the page's own icons, and the emoji that apps use most, so that no emoji font is needed.
import { h } from "./dom.js";

const line = (path) =>
  `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">${path}</svg>`;

const ICONS = {
  ferry: '<svg viewBox="0 0 32 32" fill="currentColor"><path d="M4 18.5h24l-3.2 5.6a2 2 0 0 1-1.7 1H8.9a2 2 0 0 1-1.7-1z"/><path d="M9 11.5h10.2a1 1 0 0 1 .8.4l3.4 5H9z" opacity=".85"/><path d="M11 6.5h4v3.6h-4z" opacity=".7"/></svg>',
  hash: line('<path d="M9.5 4 7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16"/>'),
  lock: line('<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>'),
  home: line('<path d="m4 11 8-7 8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z"/>'),
  chat: line('<path d="M5 5h14a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-8l-5 4v-4H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z"/>'),
  reply: line('<path d="m9 7-5 5 5 5M4 12h10a6 6 0 0 1 6 6v1"/>'),
  bolt: line('<path d="M13 3 5 13.5h6L10 21l9-11h-6.5z"/>'),
  storm: line('<path d="M7 15a4 4 0 0 1 .5-8 5.5 5.5 0 0 1 10.4 1.6A3.3 3.3 0 0 1 17.5 15"/><path d="m12.5 12-2.5 4h3.5L11 21"/>'),
  close: line('<path d="M6 6l12 12M18 6 6 18"/>'),
  back: line('<path d="m14 6-6 6 6 6"/>'),
  down: line('<path d="m7 10 5 5 5-5"/>'),
  dots: '<svg viewBox="0 0 24 24" fill="currentColor"><circle cx="5.5" cy="12" r="1.8"/><circle cx="12" cy="12" r="1.8"/><circle cx="18.5" cy="12" r="1.8"/></svg>',
  send: '<svg viewBox="0 0 24 24" fill="currentColor"><path d="M4 4.6c0-.8.8-1.3 1.5-1L20.3 11a1.1 1.1 0 0 1 0 2L5.5 20.4c-.7.3-1.5-.2-1.5-1L5.6 13l8.4-1-8.4-1z"/></svg>',
  file: line('<path d="M7 3h7l5 5v12a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z"/><path d="M14 3v5h5"/>'),
  download: line('<path d="M12 4v11m-4.5-4L12 15.5 16.5 11M5 20h14"/>'),
  eye: line('<path d="M3 12s3.3-6 9-6 9 6 9 6-3.3 6-9 6-9-6-9-6z"/><circle cx="12" cy="12" r="2.6"/>'),
  check: line('<path d="m5 12.5 4.5 4.5L19 7.5"/>'),
  info: line('<circle cx="12" cy="12" r="8.5"/><path d="M12 11v5M12 7.8v.1"/>'),
  alert: line('<path d="M12 4 2.8 19.5h18.4z"/><path d="M12 10v4.5M12 17v.1"/>'),
  people: line('<circle cx="9" cy="9" r="3.2"/><path d="M3.5 19a5.5 5.5 0 0 1 11 0M15.5 6.2a3 3 0 0 1 0 5.6M17 14.6a5 5 0 0 1 3.5 4.4"/>'),
};

export function icon(name, label) {
  const props = { class: `icon icon-${name}`, innerHTML: ICONS[name] };
  return h("span", label ? { ...props, role: "img", "aria-label": label } : { ...props, "aria-hidden": "true" });
}

const disc = (fill, mark) => `<svg viewBox="0 0 20 20"><circle cx="10" cy="10" r="8.6" fill="${fill}"/>${mark || ""}</svg>`;
const white = (path) => `<path d="${path}" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>`;
const pen = (color, path) =>
  `<svg viewBox="0 0 20 20" fill="none" stroke="${color}" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round">${path}</svg>`;
const box = (fill, mark) => `<svg viewBox="0 0 20 20"><rect x="1.5" y="1.5" width="17" height="17" rx="4.5" fill="${fill}"/>${mark}</svg>`;

const CHECK = "m5.8 10.4 2.9 2.9 5.6-6.2", CROSS = "m6.8 6.8 6.4 6.4m0-6.4-6.4 6.4";
const GREEN = "#1f9d61", RED = "#d64550", AMBER = "#e2a01f", BLUE = "#2f80c8", GREY = "#8a97a3", VIOLET = "#8458c9";

const DRAWN = {
  alarm_clock: pen(BLUE, '<circle cx="10" cy="11" r="6"/><path d="M10 7.500V11l2.500 1.500M3 5l2.500-2M17 5l-2.500-2"/>'),
  camera: pen(GREY, '<rect x="2.500" y="6" width="15" height="10.500" rx="2"/><circle cx="10" cy="11.200" r="3"/><path d="M7 6l1.200-2h3.600L13 6"/>'),
  busts_in_silhouette: pen(BLUE, '<circle cx="7.500" cy="7" r="3"/><path d="M2 17c0-3 2.500-5 5.500-5s5.500 2 5.500 5M13 4.500a3 3 0 0 1 0 5M15 12.500c2 .700 3 2.300 3 4.500"/>'),
  grey_question: pen(GREY, '<path d="M7 7.500C7 5.500 8.300 4.500 10 4.500s3 1 3 2.700c0 2.300-3 2.300-3 4.800M10 15.500v.100"/>'),
  inbox_tray: pen(BLUE, '<path d="M3 11v5h14v-5M10 3v8M6.500 8 10 11.500 13.500 8"/>'),
  loudspeaker: pen(AMBER, '<path d="M3 8v4h3l6 4V4L6 8zM15 7.500c1 1.300 1 3.700 0 5"/>'),
  pencil: pen(GREY, '<path d="m4 16 1-4 8-8 3 3-8 8z"/>'),
  performing_arts: pen(VIOLET, '<path d="M4 4h12v6a6 6 0 0 1-12 0zM7.500 8v.100M12.500 8v.100M7.500 11.500c1.500 1.500 3.500 1.500 5 0"/>'),
  snail: pen(GREY, '<path d="M2.500 16h12c2 0 3-1.500 3-4V6M11 12a3.500 3.500 0 1 0-3.500 3.500M17.500 6l-1.500-2M17.500 6 19 4.500"/>'),
  unlock: pen(AMBER, '<rect x="4" y="9" width="12" height="8" rx="2"/><path d="M7 9V6a3 3 0 0 1 5.800-1"/>'),
  white_check_mark: box(GREEN, white(CHECK)), heavy_check_mark: pen(GREEN, `<path d="${CHECK}"/>`),
  x: pen(RED, `<path d="${CROSS}" stroke-width="2.6"/>`), no_entry: disc(RED, white("M6 10h8")), no_entry_sign: disc(RED, white("M5 15 15 5")),
  warning: `<svg viewBox="0 0 20 20"><path d="M10 2.2c.6 0 1 .3 1.3.8l6.9 12.4c.6 1-.1 2.3-1.3 2.3H3.1c-1.2 0-1.9-1.3-1.3-2.3L8.7 3c.3-.5.7-.8 1.3-.8z" fill="${AMBER}"/>${white("M10 7.5v4.2M10 14.6v.1")}</svg>`,
  large_green_circle: disc(GREEN), large_yellow_circle: disc("#eabf32"), large_orange_circle: disc("#e8833a"), red_circle: disc(RED),
  large_blue_circle: disc(BLUE), white_circle: disc("#dbe1e6"), black_circle: disc("#39434d"), large_purple_circle: disc(VIOLET),
  hourglass: pen(AMBER, '<path d="M5.5 3h9M5.5 17h9M6.5 3v2.6c0 2 3.5 3 3.5 4.4s-3.5 2.400-3.500 4.400V17m7-14v2.600c0 2-3.500 3-3.500 4.400s3.500 2.400 3.500 4.400V17"/>'),
  information_source: disc(BLUE, white("M10 9.400v4.400M10 6.300v.1")), bulb: pen(AMBER, '<path d="M7.500 14.500h5M8.300 17.200h3.400M10 2.800a5 5 0 0 0-3 9c.5.4.800 1 .800 1.600V14h4.400v-.6c0-.6.3-1.200.800-1.600a5 5 0 0 0-3-9z"/>'),
  arrow_right: pen(GREY, '<path d="M3.500 10h12m-4.500-4.500 4.500 4.500-4.500 4.500"/>'), arrows_counterclockwise: pen(BLUE, '<path d="M16 8A6.300 6.300 0 0 0 4.600 6.600L3.500 8m0-4v4h4M4 12a6.300 6.300 0 0 0 11.400 1.400l1.100-1.400m0 4v-4h-4"/>'),
  double_vertical_bar: box(BLUE, white("M7.800 6.500v7M12.200 6.500v7")), arrow_forward: box(BLUE, '<path d="M7.500 5.800v8.400l6.600-4.200z" fill="#fff"/>'), black_square_for_stop: box(RED, '<rect x="6.500" y="6.500" width="7" height="7" rx="1" fill="#fff"/>'),
  lock: pen(AMBER, '<rect x="4" y="9" width="12" height="8" rx="2"/><path d="M6.700 9V6.700a3.300 3.300 0 0 1 6.600 0V9"/>'), key: pen(AMBER, '<circle cx="7" cy="13" r="3.400"/><path d="m9.500 10.500 6.500-6.500m-2.500 2.500 2 2"/>'),
  mag: pen(BLUE, '<circle cx="8.600" cy="8.600" r="5"/><path d="m12.500 12.500 4.500 4.500"/>'), eyes: pen(GREY, '<path d="M2.500 10S5.300 5 10 5s7.500 5 7.500 5-2.800 5-7.500 5-7.500-5-7.500-5z"/><circle cx="10" cy="10" r="2.200"/>'),
  rocket: pen(VIOLET, '<path d="M7 13 4.500 10.700S6.500 4 14 3c2 0 3 .9 3 3-1 7.500-7.700 9.500-7.700 9.500zM5 15l-2 2"/><circle cx="12.600" cy="7.400" r="1.500"/>'), tada: pen(VIOLET, '<path d="m3 17 4-10 6 6zM11 6c0-2 1-3 3-3m-1 6c2-1 3.500-1 4.500 0M10 3v.1M17 5.500v.1M16 13v.1"/>'),
  ship: pen(BLUE, '<path d="M3 12.500h14l-2 4H5zM6 12.500V8h7l2 4.500M8.500 8V4.500H11V8"/>'), ferry: pen(BLUE, '<path d="M3 12.500h14l-2 4H5zM6 12.500V8h7l2 4.500M8.500 8V4.500H11V8"/>'), anchor: pen(BLUE, '<circle cx="10" cy="4.500" r="1.800"/><path d="M10 6.300V17M6.500 9h7M3.500 11.500c0 3.500 3 5.500 6.500 5.500s6.500-2 6.500-5.500"/>'),
  bell: pen(AMBER, '<path d="M5.500 14V9a4.500 4.500 0 0 1 9 0v5l1.500 1H4zM8.500 17h3"/>'), rotating_light: pen(RED, '<path d="M5 16.500h10M6.500 16v-5a3.500 3.500 0 0 1 7 0v5M10 2.500v2M3.500 5.500 5 7m11.500-1.500L15 7"/>'),
  raised_hand: pen(AMBER, '<path d="M6 10.500V6m2.700 3.500V4m2.700 5.500V4.500M14 10.500V6.500M14 10v2.500c0 3-1.600 4.500-4 4.500-2.800 0-4-2-5.500-5 1-1 2 0 2.500 1"/>'),
  page_facing_up: pen(GREY, '<path d="M5.500 2.500h6l3.500 3.500v11.500h-9.500zM8 9h4.500M8 12h4.500"/>'), memo: pen(GREY, '<path d="M5.500 2.500h6l3.500 3.500v11.500h-9.500zM8 9h4.500M8 12h4.500"/>'), package: pen(AMBER, '<path d="m3.500 6.500 6.500-3.500 6.500 3.500v7L10 17l-6.500-3.500zM3.500 6.500 10 10l6.500-3.500M10 10v7"/>'),
  file_cabinet: pen(GREY, '<rect x="4" y="3" width="12" height="14" rx="1.500"/><path d="M4 10h12M8.500 6.500h3M8.500 13.500h3"/>'), floppy_disk: pen(BLUE, '<path d="M3.500 3.500h10l3 3v10h-13zM6.500 3.500v4h6v-4M6 16.500v-5h8v5"/>'),
  bar_chart: pen(BLUE, '<path d="M4 17V9m4 8V4m4 13v-6m4 6V7"/>'), chart_with_upwards_trend: pen(GREEN, '<path d="M3 15l4.500-5 3.500 3 5.500-7.500M13 5h3.500v3.500"/>'),
  stopwatch: pen(GREY, '<circle cx="10" cy="11" r="6"/><path d="M10 7.500V11l2 1.500M8.500 2.500h3M10 2.500V5"/>'), clock3: pen(GREY, '<circle cx="10" cy="10" r="7"/><path d="M10 6v4h3.500"/>'), calendar: pen(BLUE, '<rect x="3.500" y="4.500" width="13" height="12" rx="1.500"/><path d="M3.500 8.500h13M7 2.800v3M13 2.800v3"/>'),
  wastebasket: pen(GREY, '<path d="M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500l.7 11.500h7.600l.7-11.500"/>'), link: pen(BLUE, '<path d="m8.500 11.500 3-3M7 9l-2.500 2.500a2.800 2.800 0 0 0 4 4L11 13m2-2 2.500-2.500a2.800 2.800 0 0 0-4-4L9 7"/>'),
  zap: '<svg viewBox="0 0 20 20"><path d="M11.500 1.800 4 11.300h4.600l-.9 6.900L16 8.300h-5z" fill="#e2a01f"/></svg>', fire: '<svg viewBox="0 0 20 20"><path d="M10 1.800c.5 3 4.800 4.700 4.800 9.500A4.900 4.900 0 0 1 10 18a4.900 4.900 0 0 1-4.800-4.900c0-2 1-3 1.700-4.300.3 1 .8 1.500 1.400 1.700C8 7 8.500 4 10 1.800z" fill="#e8833a"/></svg>',
  leftwards_arrow_with_hook: pen(GREY, '<path d="m7 5-4 4 4 4M3 9h9a4.500 4.500 0 0 1 0 9H9"/>'), scales: pen(GREY, '<path d="M10 3v13M6 16.500h8M4 5.500h12M4 5.500 2 11h4zm12 0L14 11h4z"/>'),
};
const ALIASES = {
  hourglass_flowing_sand: "hourglass", pause_button: "double_vertical_bar", stop_button: "black_square_for_stop", heavy_multiplication_x: "x",
  arrow_right_hook: "leftwards_arrow_with_hook", timer_clock: "stopwatch", spiral_calendar_pad: "calendar", date: "calendar", closed_lock_with_key: "lock",
  large_red_circle: "red_circle", mag_right: "mag", exclamation: "warning", hand: "raised_hand", repeat: "arrows_counterclockwise", ballot_box_with_check: "white_check_mark",
  play_button: "arrow_forward", file_folder: "file_cabinet", balance_scale: "scales", clipboard: "memo", octagonal_sign: "no_entry", hammer_and_wrench: "key", card_file_box: "file_cabinet",
};
const CHARACTERS = {
  "✅": "white_check_mark", "✔️": "heavy_check_mark", "✔": "heavy_check_mark", "❌": "x", "⛔": "no_entry", "🚫": "no_entry_sign", "⚠️": "warning", "⚠": "warning",
  "🟢": "large_green_circle", "🟡": "large_yellow_circle", "🟠": "large_orange_circle", "🔴": "red_circle", "🔵": "large_blue_circle", "🟣": "large_purple_circle", "⚪": "white_circle", "⚫": "black_circle",
  "⏳": "hourglass", "⌛": "hourglass", "ℹ️": "information_source", "💡": "bulb", "➡️": "arrow_right", "🔄": "arrows_counterclockwise", "⏸️": "double_vertical_bar", "⏸": "double_vertical_bar", "▶️": "arrow_forward",
  "⏹️": "black_square_for_stop", "⏹": "black_square_for_stop", "🔒": "lock", "🔐": "lock", "🔑": "key", "🔍": "mag", "👀": "eyes", "🚀": "rocket", "🎉": "tada", "🚢": "ship", "⛴️": "ferry", "⛴": "ferry", "⚓": "anchor",
  "🔔": "bell", "🚨": "rotating_light", "✋": "raised_hand", "📄": "page_facing_up", "📝": "memo", "📦": "package", "🗄️": "file_cabinet", "💾": "floppy_disk", "📊": "bar_chart", "📈": "chart_with_upwards_trend",
  "⏱️": "stopwatch", "⏱": "stopwatch", "🕒": "clock3", "📅": "calendar", "🗑️": "wastebasket", "🔗": "link", "⚡": "zap", "🔥": "fire", "↩️": "leftwards_arrow_with_hook", "⚖️": "scales",
};
const NAMED = { "+1": "👍", thumbsup: "👍", wave: "👋", pray: "🙏", thinking_face: "🤔", elephant: "🐘", dolphin: "🐬", heart: "❤️", sparkles: "✨", hourglass_done: "⌛" };

export function emoji(name) {
  const drawn = DRAWN[ALIASES[name] || name];
  if (drawn) return h("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:`, innerHTML: drawn });
  return NAMED[name] ? NAMED[name] : `:${name}:`;
}

const BY_LENGTH = Object.keys(CHARACTERS).sort((a, b) => b.length - a.length);
export const EMOJI_PATTERN = new RegExp(BY_LENGTH.join("|"), "u");
export const emojiOf = (character) => emoji(CHARACTERS[character]);
