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
  if (answer.set) parts.push(setLine(answer.set, Boolean(answer.labels)));
  return parts;
}

export function bars(ranked, colourOf = () => "") {
  const list = element("ul", { className: "bars" });
  for (const [label, share] of ranked.slice(0, SHOWN)) {
    const filled = element("span");
    filled.style.width = `${100 * share}%`;
    filled.style.background = colourOf(label); // "" leaves that of the page
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

function setLine(labels, several) {
  const kinds = several ? ["left_none", "left", "left"] : ["set_none", "set_one", "set"];
  const key = kinds[Math.min(labels.length, 2)];
  const said = say(key, { share: percent(COVERAGE), labels: labels.join(", ") });
  return element("p", { id: "set", textContent: said });
}

function values(answer) {
  if (!answer.values) {
    const parts = [element("p", { className: "says", id: "label", textContent: shortNumber(answer.value) })];
    if (answer.low !== undefined) parts.push(element("p", { id: "set", textContent: between(answer) }));
    return parts;
  }
  const lines = Object.entries(answer.values).map(([name, value], place) => {
    const line = element("div", { className: "says several", textContent: `${name}: ${shortNumber(value)}` });
    if (!answer.low) return [line];
    const ends = { low: answer.low[place], high: answer.high[place] };
    return [line, element("div", { className: "soft", textContent: between(ends) })];
  });
  return [element("div", { id: "label" }, ...lines.flat())];
}

function between({ low, high }) {
  return say("interval", { share: percent(COVERAGE), low: shortNumber(low), high: shortNumber(high) });
}

function shortNumber(value) {
  return Number(value.toPrecision(4)).toString();
}

// What corrects an answer: for one class, several labels, one value or several; ``answer`` is null where none was asked for.
// ``correct`` is called with the label, and with its key: the same label of the same item is kept once, however often.
export function correctionOf(answer, facts, correct) {
  const keys = new Map();
  const box = element("div", { className: "correction" });
  const save = async (label) => {
    const name = JSON.stringify(label);
    if (!keys.has(name)) keys.set(name, newKey());
    const fields = [...box.querySelectorAll("button, input")];
    for (const one of fields) one.disabled = true;
    await correct(label, keys.get(name));
    for (const one of fields) one.disabled = false;
  };
  const kinds = { values: valuesCorrection, labels: labelsCorrection, label: labelCorrection };
  box.append(...kinds[facts.answers](answer, facts.labels, save));
  return box;
}

// 128 random bits; crypto.randomUUID is missing where the page is not served from this machine or by TLS.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function formOf(fields, read, correct) {
  const form = element("form", { className: "row" }, ...fields, element("button", { type: "submit", textContent: say("save") }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const label = read();
    if (label !== null) correct(label);
  });
  return form;
}

// The likeliest classes first, or those of the model where it gave no probabilities; any other can be typed.
function labelCorrection(answer, labels, correct) {
  const ranked = Object.entries(answer?.probabilities ?? {}).sort((one, other) => other[1] - one[1]);
  const order = ranked.length ? ranked.map(([label]) => label) : labels;
  const chips = element("div", { className: "chips" });
  for (const label of order.filter((one) => one !== answer?.label).slice(0, CHIPS)) {
    chips.append(element("button", { type: "button", textContent: label, onclick: () => correct(label) }));
  }
  const field = element("input", { type: "text", placeholder: say("new_class"), ariaLabel: say("new_class") });
  field.setAttribute("list", "labels");
  const parts = [chips, formOf([field], () => field.value.trim() || null, correct)];
  if (!answer) return parts;
  if (answer.label) {
    const yes = element("button", { type: "button", id: "right", textContent: say("yes"), onclick: () => correct(answer.label) });
    parts.unshift(element("div", { className: "row" }, yes), element("p", { className: "soft", textContent: say("correct_as") }));
  } else {
    parts.unshift(element("p", { className: "soft", textContent: say("it_is") }));
  }
  return parts;
}

// Several labels: each is switched on or off, then all are saved together.
function labelsCorrection(answer, labels, correct) {
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
  const hint = element("p", { className: "soft", textContent: say("choose_labels") });
  return [hint, chips, formOf([], () => labels.filter((label) => chosen.has(label)), correct)];
}

// One value, or one for each name; several begin with those of the answer, so that only the wrong ones are typed.
function valuesCorrection(answer, names, correct) {
  const several = names.length > 1;
  const inputs = names.map((name) => {
    const said = several ? name : say("right_value");
    const input = element("input", { type: "number", step: "any", required: true, ariaLabel: said });
    if (several && answer?.values) input.value = Number(answer.values[name].toPrecision(6));
    if (!several) input.placeholder = said;
    return input;
  });
  const read = () => (several ? inputs.map((one) => Number(one.value)) : Number(inputs[0].value));
  if (!several) return [formOf(inputs, read, correct)];
  const fields = inputs.map((input, place) =>
    element("label", { className: "field" }, element("span", { textContent: names[place] }), input),
  );
  const form = formOf([element("div", { className: "fields" }, ...fields)], read, correct);
  return [form];
}
