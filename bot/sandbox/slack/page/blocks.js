// Block Kit, block by block.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { markdown, mrkdwn, plain, raw, richText, textObject } from "./text.js";
import { field } from "./fields.js";

const entryOf = (values, block, element) => values?.[block.block_id]?.[element.action_id];

export function blocks(list, surface, values, errors) {
  return list.map((block) => {
    const make = BLOCKS[block.type];
    return make ? make(block, { surface, values, error: errors?.[block.block_id] }) : h("p", { class: "unknown" }, `[${block.type}]`);
  });
}

const frame = (block, kind, ...children) => h("div", { class: `block block-${kind}`, "data-block-id": block.block_id, "data-key": block.block_id, "data-testid": "block" }, ...children);

const image = (item) => h("img", { src: item.image_url, alt: item.alt_text, loading: "lazy" });

function section(block, context) {
  const { accessory } = block;
  const side = !accessory ? null : accessory.type === "image" ? h("div", { class: "accessory thumb" }, image(accessory))
    : h("div", { class: "accessory" }, field(context.surface, block, accessory, entryOf(context.values, block, accessory)));
  return frame(block, "section",
    h("div", { class: "section-text" }, block.text ? h("div", { class: "text" }, ...textObject(block.text)) : null,
      block.fields ? h("div", { class: "fields" }, block.fields.map((item) => h("div", { class: "text" }, ...textObject(item)))) : null), side);
}

function input(block, context) {
  const { element } = block;
  const control = field(context.surface, block, element, entryOf(context.values, block, element));
  const errorId = control.id + "-error", hintId = control.id + "-hint";
  control.setAttribute("aria-describedby", [context.error ? errorId : "", block.hint ? hintId : ""].join(" ").trim());
  if (context.error) control.setAttribute("aria-invalid", "true");
  if (!block.optional) control.setAttribute("aria-required", "true");
  const grouped = element.type === "checkboxes" || element.type === "radio_buttons";
  control.setAttribute("aria-labelledby", control.id + "-label");
  return h("div", { class: `block block-input${context.error ? " invalid" : ""}`, "data-block-id": block.block_id, "data-key": block.block_id, "data-testid": "block" },
    h(grouped ? "div" : "label", { class: "label", for: grouped ? undefined : control.id, id: control.id + "-label" }, ...plain(block.label.text), block.optional ? h("span", { class: "optional" }, " (optional)") : null),
    control,
    context.error ? h("p", { class: "error", id: errorId, role: "alert", "data-testid": "field-error" }, icon("alert"), h("span", null, context.error)) : null,
    block.hint ? h("p", { class: "hint", id: hintId }, ...plain(block.hint.text)) : null);
}

function actions(block, context) {
  return frame(block, "actions", block.elements.map((element) => field(context.surface, block, element, entryOf(context.values, block, element))));
}

function contextBlock(block) {
  return frame(block, "context", block.elements.map((item) => (item.type === "image" ? image(item) : h("span", { class: "text" }, ...textObject(item)))));
}

function imageBlock(block) {
  return frame(block, "image", block.title ? h("p", { class: "image-title" }, ...plain(block.title.text)) : null, image(block));
}

function table(block) {
  const settings = block.column_settings || [];
  const style = (index) => `text-align:${settings[index]?.align || "left"}${settings[index]?.is_wrapped ? ";white-space:normal" : ""}`;
  const cell = (tag) => (item, index) => h(tag, { style: style(index) }, item.type === "raw_text" ? raw(item.text) : richText(item));
  const [head, ...rows] = block.rows;
  return frame(block, "table", h("div", { class: "table-box" }, h("table", { class: "table" },
    h("thead", null, h("tr", null, head.map(cell("th")))), h("tbody", null, rows.map((row) => h("tr", null, row.map(cell("td"))))))));
}

function alert(block) {
  const level = block.level || "default";
  return h("div", { class: `block block-alert ${level}`, role: level === "error" ? "alert" : "status", "data-block-id": block.block_id, "data-key": block.block_id },
    icon(level === "success" ? "check" : level === "info" || level === "default" ? "info" : "alert"), h("div", { class: "text" }, ...textObject(block.text)));
}

const BLOCKS = {
  section, input, actions, image: imageBlock, table, alert, context: contextBlock,
  divider: (block) => h("hr", { class: "block block-divider", "data-key": block.block_id }),
  header: (block) => h("h3", { class: "block block-header", "data-block-id": block.block_id, "data-key": block.block_id }, ...plain(block.text.text)),
  rich_text: (block) => frame(block, "rich", richText(block)),
  markdown: (block) => frame(block, "rich", markdown(block.text)),
};

export const messageText = (text) => h("div", { class: "text" }, ...mrkdwn(text));
