// The page: asks, shows the answer, takes corrections, teaches, goes back.

import { answerView, corrections, COVERAGE, labelsCorrection, valueCorrection } from "./answer.js";
import { element, inputFor } from "./inputs.js";
import * as server from "./server.js";
import { say, sayEverything, sentences, switchLanguage } from "./words.js";

const at = (id) => document.getElementById(id);
const state = { facts: null, input: null, item: null, answer: null, asked: {} };

function complain(error) {
  at("problem").textContent = error?.message ?? "";
  at("problem").hidden = !error;
}

// Run what a button asks for; it is off meanwhile, and a failure is said.
async function busy(button, work, label) {
  const before = button.textContent;
  button.disabled = true;
  if (label) button.textContent = label;
  complain(null);
  try {
    return await work();
  } catch (error) {
    complain(error);
    return null;
  } finally {
    button.disabled = false;
    button.textContent = before;
  }
}

async function showFacts() {
  const facts = await server.about();
  state.facts = facts;
  document.title = at("name").textContent = facts.name;
  const kind = say(`kind_${facts.columns.length ? "columns" : facts.modality}`);
  const about = { kind, version: facts.version, classes: facts.labels.length, labels: facts.labels.join(", ") };
  at("facts").textContent = say(facts.task === "regression" ? "facts_value" : "facts", about);
  at("learning").hidden = !facts.teachable;
  const counted = [say("counter", { taught: facts.taught, waiting: facts.waiting })];
  if (facts.set_aside) counted.push(say("set_aside", { count: facts.set_aside }));
  at("counter").textContent = sentences(counted);
  at("most-errors").parentElement.hidden = !facts.selective;
  at("teach").disabled = facts.waiting === 0;
  const list = element("datalist", { id: "labels" }, ...facts.labels.map((value) => element("option", { value })));
  at("labels")?.remove();
  document.body.append(list);
}

function options() {
  const asked = {};
  if (state.facts.conformal) asked.coverage = COVERAGE;
  if (state.facts.detects_novel) asked.novel = true;
  if (at("most-errors").value) asked.max_error = Number(at("most-errors").value);
  return asked;
}

async function ask() {
  const item = await state.input.read();
  if (item === null) throw new Error(say("give_item"));
  const asked = options();
  const answer = await server.predict(item, asked);
  Object.assign(state, { item, answer, asked });
  showAnswer();
}

function showAnswer() {
  const { answer, facts } = state;
  const parts = answerView(answer, state.asked);
  if (facts.explains) parts.push(reasons());
  if (facts.teachable) {
    parts.push(element("h3", { textContent: say("right_question") }));
    parts.push(element("div", { id: "correction" }, ...correction()));
  }
  at("answer").replaceChildren(...parts);
  at("answer").hidden = false;
}

function correction() {
  const { answer, facts } = state;
  if (facts.task === "regression") return valueCorrection((value) => correct(value));
  if (facts.task === "multilabel") return labelsCorrection(answer, facts.labels, correct);
  const yes = element("button", { type: "button", id: "right", textContent: say("yes") });
  yes.addEventListener("click", () => correct(answer.label));
  const agree = answer.label ? [element("div", { className: "row" }, yes)] : [];
  const no = element("p", { className: "soft", textContent: say("correct_as") });
  return [...agree, no, ...corrections(answer, facts.labels, correct)];
}

async function correct(label) {
  const fields = { label, key: newKey() };
  if (state.answer.label) fields.predicted = state.answer.label;
  if (state.answer.probability) fields.probability = state.answer.probability;
  fields.model_version = state.answer.version;
  try {
    complain(null);
    await server.feedback(state.item, fields);
    at("correction").replaceChildren(element("p", { className: "note good", id: "thanks", textContent: say("saved") }));
    await showFacts();
  } catch (error) {
    complain(error);
  }
}

// 128 random bits; crypto.randomUUID is missing where the page is not served from this machine or by TLS.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function reasons() {
  const details = element("details", { id: "reasons" }, element("summary", { textContent: say("reasons") }));
  details.addEventListener("toggle", async () => {
    if (!details.open || details.children.length > 1) return;
    const waiting = element("p", { className: "soft", textContent: say("reasons_loading") });
    details.append(waiting);
    try {
      const html = await server.explain(state.item);
      const frame = element("iframe", { title: say("reasons_title"), srcdoc: html });
      frame.setAttribute("sandbox", "");
      waiting.replaceWith(frame);
    } catch (error) {
      waiting.textContent = error.message;
    }
  });
  return details;
}

async function showQueue() {
  if (!state.facts.queued) return;
  const { items } = await server.queue();
  at("queue").hidden = items.length === 0;
  at("suggested").replaceChildren(...items.map(suggestion));
}

function suggestion(one) {
  const shown = one.image
    ? element("img", { src: one.image, alt: one.id })
    : one.sound
      ? element("audio", { src: one.sound, controls: true })
      : element("p", { textContent: one.text ?? one.id });
  const line = element("li", {}, shown);
  const save = async (label) => {
    try {
      complain(null);
      await server.correctQueued(one.id, label);
      line.remove();
      await showFacts();
    } catch (error) {
      complain(error);
    }
  };
  const { task, labels } = state.facts;
  const special = { regression: () => valueCorrection(save), multilabel: () => labelsCorrection(null, labels, save) };
  line.append(...(special[task] ?? (() => corrections(null, labels, save)))());
  const skip = element("button", { type: "button", className: "plain", textContent: say("skip"), onclick: () => line.remove() });
  line.querySelector("form").append(skip);
  return line;
}

async function showVersions() {
  if (!state.facts.teachable) return;
  const found = await server.versions();
  const lines = found.versions.map((version) => {
    const name = element("span", { textContent: describe(version) });
    const isCurrent = version.version === found.current;
    const button = element("button", { type: "button", textContent: say("rollback") });
    button.addEventListener("click", () => busy(button, () => goBack(version.version)));
    return element("li", {}, name, isCurrent ? element("strong", { textContent: say("current") }) : button);
  });
  at("versions").replaceChildren(...lines.reverse());
}

function describe(version) {
  const what = version.what === "update" && version.added ? say("what_update", { count: version.added }) : whatIt(version.what);
  const when = new Date(version.when);
  const time = Number.isNaN(when.valueOf()) ? [] : [when.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" })];
  return [say("version", { version: version.version }), what, ...time].join(" · ");
}

function whatIt(what) {
  return ["fit", "forget"].includes(what) ? say(`what_${what}`) : what;
}

async function goBack(version) {
  await server.rollback(version);
  await refresh();
  at("taught").textContent = say("rolled_back", { version });
}

async function teach() {
  const found = await server.teach();
  await refresh();
  const said = { count: found.items, seconds: found.seconds.toFixed(1), version: found.version };
  const told = [found.items ? say("taught", said) : say("taught_none")];
  if (found.left_out.length) told.push(say("left_out", { count: found.left_out.length, why: found.left_out[0].reason }));
  at("taught").textContent = sentences(told);
  return found;
}

async function refresh() {
  await showFacts();
  await Promise.all([showVersions(), showQueue()]);
}

function showInputs() {
  state.input = inputFor(state.facts);
  at("inputs").replaceChildren(...state.input.elements);
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(at("go"), ask, say("asking"));
});
at("ask").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("ask").requestSubmit();
});
at("teach").addEventListener("click", async () => {
  await busy(at("teach"), teach, say("teaching"));
  at("teach").disabled = state.facts.waiting === 0;
});
at("language").addEventListener("click", async () => {
  switchLanguage();
  sayEverything();
  await refresh();
  const typed = at("item")?.tagName === "TEXTAREA" ? at("item").value : null;
  showInputs();
  if (typed !== null) at("item").value = typed;
  at("taught").textContent = "";
  if (state.answer) showAnswer();
});

sayEverything();
try {
  await showFacts();
  showInputs();
  await refresh();
  at("ask").dataset.ready = "true";
} catch (error) {
  complain(error);
}
