// One answer: what the model says, how sure it is, the set or interval, and what it has never seen.

import { element } from "./inputs.js";
import { percent, say } from "./words.js";

export const COVERAGE = 0.9;
const SHOWN = 5; // probabilities
const CHIPS = 12; // classes that one click corrects to

export function answerView(answer, asked) {
  const parts = [element("p", { className: "soft", textContent: say("says") })];
  if (answer.novel) parts.push(element("p", { className: "note", id: "novel", textContent: say("novel") }));
  parts.push(...(answer.probabilities ? classes(answer, asked) : values(answer)));
  return parts;
}

function classes(answer, asked) {
  const ranked = Object.entries(answer.probabilities).sort((one, other) => other[1] - one[1]);
  const parts = [];
  if (answer.abstained) {
    const why = say("dont_know_why", { share: percent(asked.max_error), label: ranked[0][0] });
    parts.push(element("p", { className: "says unsure", id: "label", textContent: say("dont_know") }));
    parts.push(element("p", { className: "soft", textContent: why }));
  } else {
    const label = answer.labels ? answer.labels.join(", ") || "–" : answer.label;
    parts.push(element("p", { className: "says", id: "label", textContent: label }));
  }
  parts.push(bars(ranked));
  if (answer.set) parts.push(setLine(answer.set));
  return parts;
}

function bars(ranked) {
  const list = element("ul", { className: "bars" });
  for (const [label, share] of ranked.slice(0, SHOWN)) {
    const filled = element("span");
    filled.style.width = `${100 * share}%`;
    const meter = element("span", { className: "bar", ariaHidden: "true" }, filled);
    const number = element("span", { className: "number", textContent: percent(share) });
    list.append(element("li", {}, element("span", { textContent: label }), meter, number));
  }
  if (ranked.length > SHOWN) {
    const count = ranked.length - SHOWN;
    list.append(element("li", { className: "soft", textContent: say("other_classes", { count }) }));
  }
  return list;
}

function setLine(labels) {
  const key = labels.length === 0 ? "set_none" : labels.length === 1 ? "set_one" : "set";
  const said = say(key, { share: percent(COVERAGE), labels: labels.join(", ") });
  return element("p", { id: "set", textContent: said });
}

function values(answer) {
  const given = answer.values ?? { "": answer.value };
  const lines = Object.entries(given).map(([name, value]) => `${name} ${shortNumber(value)}`.trim());
  const parts = [element("p", { className: "says", id: "label", textContent: lines.join("; ") })];
  if (typeof answer.low === "number") {
    const ends = { share: percent(COVERAGE), low: shortNumber(answer.low), high: shortNumber(answer.high) };
    parts.push(element("p", { id: "set", textContent: say("interval", ends) }));
  }
  return parts;
}

function shortNumber(value) {
  return Number(value.toPrecision(4)).toString();
}

// The classes to correct to: the likeliest first, or those of the model where it gave no probabilities.
export function corrections(answer, labels, correct) {
  const ranked = Object.entries(answer?.probabilities ?? {}).sort((one, other) => other[1] - one[1]);
  const order = ranked.length ? ranked.map(([label]) => label) : labels;
  const others = order.filter((label) => label !== answer?.label);
  const chips = element("div", { className: "chips" });
  for (const label of others.slice(0, CHIPS)) {
    chips.append(element("button", { type: "button", textContent: label, onclick: () => correct(label) }));
  }
  const field = element("input", { type: "text", placeholder: say("new_class"), ariaLabel: say("new_class") });
  field.setAttribute("list", "labels");
  const save = element("button", { type: "submit", textContent: say("save") });
  const form = element("form", { className: "row" }, field, save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) correct(field.value.trim());
  });
  return [chips, form];
}

// Several labels: each is switched on or off, then all are saved together.
export function labelsCorrection(answer, labels, correct) {
  const chosen = new Set(answer?.labels ?? []);
  const chips = element("div", { className: "chips" });
  for (const label of labels) {
    const chip = element("button", { type: "button", textContent: label });
    const show = () => {
      chip.classList.toggle("chosen", chosen.has(label));
      chip.ariaPressed = String(chosen.has(label));
    };
    chip.addEventListener("click", () => {
      if (!chosen.delete(label)) chosen.add(label);
      show();
    });
    show();
    chips.append(chip);
  }
  const form = element("form", { className: "row" }, element("button", { type: "submit", textContent: say("save") }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    correct(labels.filter((label) => chosen.has(label)));
  });
  return [chips, form];
}

export function valueCorrection(correct) {
  const field = element("input", { type: "number", step: "any", placeholder: say("right_value") });
  field.ariaLabel = say("right_value");
  const form = element("form", { className: "row" }, field, element("button", { type: "submit", textContent: say("save") }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value !== "") correct(Number(field.value));
  });
  return [form];
}
