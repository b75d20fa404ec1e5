// Slack's markup, Markdown and rich text as elements. Nothing here ever becomes HTML by way of a string.
import { h } from "./dom.js";
import { emoji, emojiOf, EMOJI_PATTERN } from "./icons.js";

let names = { users: {}, groups: {}, channels: {} };
export const knowNames = (state) => {
  names = { users: state.users, groups: state.groups, channels: Object.fromEntries(state.channels.map((c) => [c.id, c.name])) };
};

const decode = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

// Progress bars made of text are drawn: as wide as their characters, filled as far as these are.
const FILLED = "█▓■▰▬━●▮", EMPTY = "▒░□▱─┄○▯", PARTS = "▏▎▍▌▋▊▉";
const BAR = new RegExp(`[${FILLED}${PARTS}${EMPTY}]{5,}`, "u");
function bar(text) {
  const amount = [...text].reduce((sum, c) => sum + (FILLED.includes(c) ? 1 : (PARTS.indexOf(c) + 1) / 8), 0);
  return h("span", { class: "bar", style: `--part:${((100 * amount) / text.length).toFixed(1)}%;--cells:${text.length}` }, text);
}

const split = (text, pattern, make, rest) => {
  const nodes = [];
  while (text) {
    const found = pattern.exec(text);
    if (!found) break;
    if (found.index) nodes.push(...rest(text.slice(0, found.index)));
    nodes.push(make(found[0]));
    text = text.slice(found.index + found[0].length);
  }
  return text ? [...nodes, ...rest(text)] : nodes;
};

const words = (text) => split(text, BAR, bar, (rest) => split(rest, EMOJI_PATTERN, emojiOf, (t) => [t]));
export const raw = (text) => words(text);
export const plain = (text) => split(text, /:[a-z0-9_+-]+:/, (name) => emoji(name.slice(1, -1)), words);

const INLINE = new RegExp(
  [
    "(?<code>`[^`\\n]+`)",
    "(?<angle><[^<>\\n]+>)",
    "(?<![\\w*])(?<bold>\\*(?=[^\\s*])[^*\\n]*[^\\s*]\\*|\\*[^\\s*]\\*)(?![\\w*])",
    "(?<![\\w_])(?<italic>_(?=[^\\s_])[^\\n]*?[^\\s_]_|_[^\\s_]_)(?![\\w_])",
    "(?<![\\w~])(?<strike>~(?=[^\\s~])[^~\\n]*[^\\s~]~)(?![\\w~])",
    "(?<emoji>:[a-z0-9_+-]+:)",
  ].join("|"),
  "u",
);

function inline(text) {
  const nodes = [];
  while (text) {
    const found = INLINE.exec(text);
    if (!found) break;
    if (found.index) nodes.push(...words(decode(text.slice(0, found.index))));
    nodes.push(token(found.groups, found[0]));
    text = text.slice(found.index + found[0].length);
  }
  return text ? [...nodes, ...words(decode(text))] : nodes;
}

function token(groups, all) {
  const inner = all.slice(1, -1);
  if (groups.code) return BAR.test(inner) ? h("span", { class: "figures" }, ...words(decode(inner))) : h("code", null, decode(inner));
  if (groups.angle) return angle(inner);
  if (groups.bold) return h("strong", null, ...inline(inner));
  if (groups.italic) return h("em", null, ...inline(inner));
  if (groups.strike) return h("s", null, ...inline(inner));
  return emoji(inner);
}

function angle(inner) {
  const [body, label] = [inner.split("|")[0], inner.split("|").slice(1).join("|")];
  if (body.startsWith("@")) return mention("@" + (names.users[body.slice(1)]?.real_name || label || body.slice(1)));
  if (body.startsWith("#")) return mention("#" + (names.channels[body.slice(1)] || label || body.slice(1)));
  if (body.startsWith("!subteam^")) return mention("@" + (names.groups[body.slice(9)] || label || body.slice(9)));
  if (body.startsWith("!date^")) return date(body, label);
  if (body.startsWith("!")) return mention("@" + body.slice(1).split("^")[0]);
  return link(body, label ? inline(label) : [decode(body.replace(/^mailto:/, ""))]);
}

const mention = (text) => h("span", { class: "mention" }, text);

export function link(url, children) {
  const safe = /^(https?:|mailto:)/i.test(decode(url));
  return safe ? h("a", { href: decode(url), target: "_blank", rel: "noreferrer noopener" }, ...children) : h("span", null, ...children);
}

function date(body, fallback) {
  const [, stamp, format, url] = body.split("^");
  const when = new Date(Number(stamp) * 1000);
  if (Number.isNaN(when.getTime())) return fallback;
  const text = format.replace(/\{(\w+)\}/g, (all, name) => (DATES[name] ? DATES[name](when) : all));
  const shown = h("time", { datetime: when.toISOString(), title: when.toLocaleString() }, text);
  return url ? link(url, [shown]) : shown;
}

const format = (options) => (when) => when.toLocaleDateString(undefined, options);
const near = (when, otherwise) => {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(when).setHours(0, 0, 0, 0)) / 86400000);
  return { 0: "today", 1: "yesterday", "-1": "tomorrow" }[days] || otherwise(when);
};
const DATES = {
  date_num: (when) => when.toISOString().slice(0, 10),
  date: format({ year: "numeric", month: "long", day: "numeric" }),
  date_short: format({ year: "numeric", month: "short", day: "numeric" }),
  date_long: format({ weekday: "long", year: "numeric", month: "long", day: "numeric" }),
  date_pretty: (when) => near(when, DATES.date), date_short_pretty: (when) => near(when, DATES.date_short),
  date_long_pretty: (when) => near(when, DATES.date_long),
  time: (when) => when.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" }),
  time_secs: (when) => when.toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" }),
  ago: (when) => `${Math.max(0, Math.round((Date.now() - when) / 60000))} min ago`,
};

export function mrkdwn(text) {
  return text.split(/(```[\s\S]*?```)/).filter(Boolean).flatMap((part) => {
    if (part.startsWith("```") && part.length > 5) return [h("pre", null, decode(part.slice(3, -3).replace(/^\n|\n$/g, "")))];
    return paragraphs(part.replace(/^\n|\n$/g, ""));
  });
}

function paragraphs(text) {
  const nodes = [];
  let quote = null;
  text.split("\n").forEach((line, index) => {
    const quoted = /^(&gt;|>)\s?/.exec(line);
    if (quoted) {
      if (!quote) nodes.push((quote = h("blockquote", null)));
      else quote.append(h("br"));
      quote.append(...inline(line.slice(quoted[0].length)));
      return;
    }
    if (index && !quote) nodes.push(h("br"));
    quote = null;
    nodes.push(...inline(line));
  });
  return nodes;
}

export const textObject = (object) => (object.type === "mrkdwn" ? mrkdwn(object.text) : plain(object.text).flatMap(lines));
const lines = (node) => (typeof node === "string" ? node.split("\n").flatMap((line, i) => (i ? [h("br"), line] : [line])) : [node]);

// -- Markdown, as far as the `markdown` block goes

const MD_INLINE = /(?<code>`[^`]+`)|(?<bold>\*\*[^*]+\*\*)|(?<italic>\*[^*\s][^*]*\*|_[^_\s][^_]*_)|(?<strike>~~[^~]+~~)|(?<link>\[[^\]]+\]\([^)\s]+\))/;
function mdInline(text) {
  const nodes = [];
  while (text) {
    const found = MD_INLINE.exec(text);
    if (!found) break;
    if (found.index) nodes.push(...plain(text.slice(0, found.index)));
    const { code, bold, italic, strike, link: target } = found.groups, all = found[0];
    if (code) nodes.push(h("code", null, all.slice(1, -1)));
    else if (bold) nodes.push(h("strong", null, ...mdInline(all.slice(2, -2))));
    else if (italic) nodes.push(h("em", null, ...mdInline(all.slice(1, -1))));
    else if (strike) nodes.push(h("s", null, ...mdInline(all.slice(2, -2))));
    else nodes.push(link(/\(([^)]+)\)/.exec(target)[1], mdInline(/\[([^\]]+)\]/.exec(target)[1])));
    text = text.slice(found.index + all.length);
  }
  return text ? [...nodes, ...plain(text)] : nodes;
}

const MD_BLOCKS = [
  [/^```/, (rows) => { const end = rows.findIndex((r, i) => i && r.startsWith("```")); const n = end < 0 ? rows.length : end; return [n + 1, h("pre", null, rows.slice(1, n).join("\n"))]; }],
  [/^#{1,6} /, (rows) => [1, h("h4", { class: "md-heading" }, ...mdInline(rows[0].replace(/^#+ /, "")))]],
  [/^(---|\*\*\*)\s*$/, () => [1, h("hr")]],
  [/^> ?/, (rows) => run(rows, /^> ?/, (part) => h("blockquote", null, ...mdInline(part.map((r) => r.replace(/^> ?/, "")).join("\n")).flatMap(lines)))],
  [/^[-*] /, (rows) => run(rows, /^[-*] /, (part) => h("ul", null, ...part.map((r) => h("li", null, ...mdInline(r.slice(2))))))],
  [/^\d+\. /, (rows) => run(rows, /^\d+\. /, (part) => h("ol", null, ...part.map((r) => h("li", null, ...mdInline(r.replace(/^\d+\. /, ""))))))],
  [/^\|/, (rows) => run(rows, /^\|/, mdTable)],
];
const run = (rows, pattern, make) => { let n = 0; while (n < rows.length && pattern.test(rows[n])) n++; return [n, make(rows.slice(0, n))]; };
const cells = (row) => row.replace(/^\||\|\s*$/g, "").split("|").map((cell) => cell.trim());
function mdTable(rows) {
  const [head, ...body] = rows.filter((row) => !/^\|[\s:|-]+\|?\s*$/.test(row));
  return h("table", { class: "table" }, h("thead", null, h("tr", null, ...cells(head).map((c) => h("th", null, ...mdInline(c))))),
    h("tbody", null, ...body.map((row) => h("tr", null, ...cells(row).map((c) => h("td", null, ...mdInline(c)))))));
}

export function markdown(text) {
  const nodes = [];
  let rows = text.split("\n");
  while (rows.length) {
    const rule = MD_BLOCKS.find(([pattern]) => pattern.test(rows[0]));
    const [used, node] = rule ? rule[1](rows) : run(rows, /^(?!```|#|>|[-*] |\d+\. |\|).*\S/, (p) => h("p", null, ...mdInline(p.join("\n")).flatMap(lines)));
    if (used && node) nodes.push(node);
    rows = rows.slice(Math.max(1, used));
  }
  return nodes;
}

// -- rich_text

export const richText = (block) => block.elements.map(richPart);

function richPart(part) {
  const inner = () => part.elements.flatMap(richInline);
  if (part.type === "rich_text_preformatted") return h("pre", null, ...inner());
  if (part.type === "rich_text_quote") return h("blockquote", null, ...inner());
  if (part.type === "rich_text_list") return h(part.style === "ordered" ? "ol" : "ul", { style: `margin-left:${(part.indent || 0) * 20}px` }, ...part.elements.map((e) => h("li", null, ...e.elements.flatMap(richInline))));
  return h("p", null, ...inner());
}

function richInline(item) {
  const shapes = {
    text: () => plain(item.text).flatMap(lines), link: () => [link(item.url, plain(item.text || item.url))], emoji: () => [emoji(item.name)],
    user: () => [angle("@" + item.user_id)], channel: () => [angle("#" + item.channel_id)], usergroup: () => [angle("!subteam^" + item.usergroup_id)],
    broadcast: () => [mention("@" + item.range)], date: () => [date(`!date^${item.timestamp}^${item.format}`, item.fallback)],
  };
  let nodes = (shapes[item.type] || (() => []))();
  const style = item.style || {};
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]]) if (style[name]) nodes = [h(tag, null, ...nodes)];
  return nodes;
}
