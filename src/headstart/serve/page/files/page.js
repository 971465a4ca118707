// The page: asks, shows the answer, takes corrections, teaches, goes back.

import { annotates, annotationView, foundNothing } from "./annotations.js";
import { answerView, correctionOf, COVERAGE } from "./answer.js";
import { element, inputFor } from "./inputs.js";
import * as server from "./server.js";
import { say, sayEverything, sentences, switchLanguage } from "./words.js";

const at = (id) => document.getElementById(id);
const state = { facts: null, input: null, item: null, answer: null, asked: {}, skipped: new Set(), ranking: null };
const SUGGESTED = 5; // items of the queue that are shown
const MOST_SUGGESTED = 50; // that the server gives at once

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
  const kind = say(`kind_${annotates(facts) ? facts.task : facts.columns.length ? "columns" : facts.modality}`);
  const about = { kind, version: facts.version, classes: facts.labels.length, labels: facts.labels.join(", ") };
  at("facts").textContent = say(facts.answers === "values" ? "facts_value" : "facts", about);
  at("learning").hidden = !facts.teachable;
  const isNew = !facts.taught && !facts.waiting && !facts.set_aside;
  const counted = [isNew ? say("nothing_learnt") : say("counter", { taught: facts.taught, waiting: facts.waiting })];
  if (facts.set_aside) counted.push(say("set_aside", { count: facts.set_aside }));
  at("counter").textContent = sentences(counted);
  at("most-errors").parentElement.hidden = !facts.selective;
  at("teach").disabled = facts.waiting === 0;
  at("again").hidden = facts.set_aside === 0;
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
  const annotated = annotates(facts);
  const parts = annotated ? annotationView(answer, state.item, facts.labels) : answerView(answer, state.asked);
  if (facts.explains && !(annotated && foundNothing(answer))) parts.push(reasons());
  if (facts.teachable) {
    parts.push(element("h3", { textContent: say("right_question") }));
    parts.push(element("div", { id: "correction" }, correctionOf(answer, facts, correct)));
  }
  at("answer").replaceChildren(...parts);
  at("answer").hidden = false;
}

async function correct(label, key) {
  const { answer, item } = state;
  const fields = { label, key, model_version: answer.version };
  const said = answer.label ?? answer.labels ?? answer.values ?? answer.value;
  if (said !== undefined) fields.predicted = said;
  if (answer.probability !== undefined) fields.probability = answer.probability;
  try {
    complain(null);
    await server.feedback(item, fields);
    if (state.answer === answer) {
      at("correction").replaceChildren(element("p", { className: "note good", id: "thanks", textContent: say("saved") }));
    }
    await showFacts();
  } catch (error) {
    complain(error);
  }
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
      frame.setAttribute("sandbox", "allow-same-origin"); // no scripts; its height can be read
      frame.addEventListener("load", () => {
        frame.style.height = `${frame.contentDocument.documentElement.scrollHeight + 2}px`;
      });
      waiting.replaceWith(frame);
    } catch (error) {
      waiting.textContent = error.message;
    }
  });
  return details;
}

// What to label next. The server says 503 while it ranks a large pool: then this asks again.
async function showQueue() {
  clearTimeout(state.ranking);
  if (!state.facts.queued) return;
  let items;
  try {
    items = (await server.queue(Math.min(SUGGESTED + state.skipped.size, MOST_SUGGESTED))).items;
  } catch (error) {
    if (error.status !== 503) throw error;
    at("queue").hidden = false;
    at("suggested").replaceChildren(element("li", { className: "soft", textContent: say("ranking") }));
    state.ranking = setTimeout(() => showQueue().catch(complain), 1000 * error.after);
    return;
  }
  items = items.filter((one) => !state.skipped.has(one.id)).slice(0, SUGGESTED);
  at("queue").hidden = items.length === 0;
  at("suggested").replaceChildren(...items.map(suggestion));
}

function suggestion(one) {
  const shown = [];
  if (one.image) shown.push(element("img", { src: one.image, alt: one.id }));
  if (one.sound) shown.push(element("audio", { src: one.sound, controls: true }));
  if (one.text || !shown.length) shown.push(element("p", { className: "quoted", textContent: one.text ?? one.id }));
  const line = element("li", {}, ...shown);
  const leave = async () => {
    line.remove();
    if (!at("suggested").children.length) await showQueue();
  };
  const save = async (label, key) => {
    try {
      complain(null);
      await server.correctQueued(one.id, { label, key });
      await leave();
      await showFacts();
    } catch (error) {
      complain(error);
    }
  };
  line.append(correctionOf(null, state.facts, save));
  const skip = element("button", { type: "button", className: "plain", textContent: say("skip") });
  skip.addEventListener("click", () => {
    state.skipped.add(one.id);
    leave().catch(complain);
  });
  line.querySelector("form").append(skip);
  return line;
}

// The newest versions; those before them where the user asks for more.
async function showVersions(before) {
  if (!state.facts.teachable) return;
  const found = await server.versions(before);
  const lines = found.versions.map((version) => {
    const name = element("span", { textContent: describe(version) });
    const isCurrent = version.version === found.current;
    const button = element("button", { type: "button", textContent: say("rollback") });
    button.addEventListener("click", () => busy(button, () => goBack(version.version)));
    return element("li", {}, name, isCurrent ? element("strong", { textContent: say("current") }) : button);
  });
  if (before === undefined) at("versions").replaceChildren();
  at("versions").querySelector(".older")?.remove();
  at("versions").append(...lines.reverse());
  if (at("versions").children.length < found.total && found.versions.length) {
    const button = element("button", { type: "button", className: "plain", textContent: say("older") });
    button.addEventListener("click", () => busy(button, () => showVersions(found.versions[0].version)));
    at("versions").append(element("li", { className: "older" }, button));
  }
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

async function teach(after) {
  const found = await server.teach(after);
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
  await busy(at("teach"), () => teach(), say("teaching"));
  at("teach").disabled = state.facts.waiting === 0;
});
at("again").addEventListener("click", () => busy(at("again"), () => teach(state.facts.taught_up_to), say("teaching")));
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
