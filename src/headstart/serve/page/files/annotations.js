// Answers that annotate an item: marked words, boxes over the picture, or a mask over it.

import { bars } from "./answer.js";
import { element } from "./inputs.js";
import { percent, say } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const TURN = 137.5; // degrees between the hues of neighbouring labels
const OPAQUE = 115; // of 255, of a mask

export const annotates = (facts) => ["entities", "boxes", "classes"].includes(facts.answers);

export function annotationView(answer, item, labels) {
  const views = { entities: words, boxes, classes: mask };
  const kind = Object.keys(views).find((name) => answer[name]);
  return [element("p", { className: "soft", textContent: say("says") }), ...views[kind](answer, item, labels)];
}

export const foundNothing = (answer) => (answer.entities ?? answer.boxes)?.length === 0;

const hueOf = (label, labels) => Math.round(labels.indexOf(label) * TURN) % 360;

function nothing() {
  return element("p", { className: "says", id: "label", textContent: say("nothing_found") });
}

// Places are counted in characters; a string of JavaScript counts halves of some.
function words({ text, entities }, item, labels) {
  const characters = Array.from(text);
  const line = element("p", { className: "marked", id: entities.length ? "label" : "text" });
  let at = 0;
  for (const { start, end, label, score } of [...entities].sort((one, other) => one.start - other.start)) {
    if (start < at) continue;
    const tag = element("span", { className: "tag", textContent: `${label} ${percent(score).replace(" ", "\u00a0")}` });
    const marked = element("mark", {}, characters.slice(start, end).join(""), tag);
    marked.style.setProperty("--hue", hueOf(label, labels));
    line.append(characters.slice(at, start).join(""), marked);
    at = end;
  }
  line.append(characters.slice(at).join(""));
  return entities.length ? [line] : [nothing(), line];
}

function pictureWith(item, overlay) {
  const url = URL.createObjectURL(item);
  const picture = element("img", { src: url, alt: item.name ?? "", onload: () => URL.revokeObjectURL(url) });
  return element("figure", { className: "over" }, picture, overlay);
}

function drawn(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function boxes({ size: [width, height], boxes: found }, item, labels) {
  const letters = Math.max(width, height) / 28;
  const overlay = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": say("says") });
  const list = element("ul", { className: "found", id: "label" });
  const names = []; // places of those that are written already
  const groups = [];
  for (const { label, score, left, top, right, bottom } of found) {
    const name = `${label} ${percent(score)}`;
    const rectangle = drawn("rect", { x: left, y: top, width: right - left, height: bottom - top });
    const above = top > 1.3 * letters;
    const written = { x: left + letters / 5, y: above ? top - letters / 4 : top + letters, wide: 0.62 * letters * name.length };
    written.x = Math.max(0, Math.min(written.x, width - written.wide));
    while (written.y < height && names.some((other) => meet(written, other, letters))) written.y += 1.2 * letters;
    names.push(written);
    const place = { x: written.x, y: written.y, "font-size": letters };
    const group = drawn("g", {}, rectangle, drawn("text", place, name));
    const line = element("li", { textContent: name });
    for (const one of [group, line]) one.style.setProperty("--hue", hueOf(label, labels));
    groups.unshift(group); // the surest is on top
    list.append(line);
  }
  overlay.append(...groups);
  return [pictureWith(item, overlay), found.length ? list : nothing()];
}

function meet(one, other, letters) {
  return Math.abs(one.y - other.y) < 1.1 * letters && one.x < other.x + other.wide && other.x < one.x + one.wide;
}

// Run lengths go column by column, and begin with pixels outside the class.
function mask({ size: [width, height], classes, objects }, item, labels) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (const [label, { counts }] of Object.entries(classes)) {
    if (counts) paint(image, counts, colour(context, hueOf(label, labels)));
  }
  context.putImageData(image, 0, 0);
  const shares = Object.entries(classes).map(([label, { share }]) => [label, share]);
  const colourOf = (label) => (classes[label].counts ? `hsl(${hueOf(label, labels)} 85% 50%)` : "var(--soft)");
  const parts = [pictureWith(item, canvas), bars(shares.sort((one, other) => other[1] - one[1]), colourOf)];
  if (objects !== undefined) {
    parts.splice(1, 0, element("p", { className: "says", id: "label", textContent: say("objects", { count: objects }) }));
  }
  return parts;
}

function paint({ data, width, height }, counts, [red, green, blue]) {
  let at = 0;
  counts.forEach((count, place) => {
    for (let k = at; place % 2 && k < at + count; k += 1) {
      data.set([red, green, blue, OPAQUE], 4 * ((k % height) * width + Math.floor(k / height)));
    }
    at += count;
  });
}

function colour(context, hue) {
  context.fillStyle = `hsl(${hue}, 85%, 50%)`;
  return [1, 3, 5].map((at) => Number.parseInt(context.fillStyle.slice(at, at + 2), 16));
}
