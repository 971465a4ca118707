// What the user gives: a text, a picture, a sound, or a value for each column.

import { record } from "./recorder.js";
import { say } from "./words.js";

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function textInput() {
  const area = element("textarea", { id: "item", name: "item", placeholder: say("text_here"), ariaLabel: say("text_here") });
  return { elements: [area], read: () => area.value.trim() || null, focus: () => area.focus() };
}

function fileInput(kind) {
  const image = kind === "image";
  const input = element("input", { type: "file", id: "item", accept: `${kind}/*` });
  const hint = element("span", { textContent: say(image ? "drop_picture" : "drop_sound") });
  const shown = element("span");
  const area = element("label", { className: "drop" }, shown, hint, input);
  let file = null;

  function take(given) {
    if (!given) return;
    file = given;
    const url = URL.createObjectURL(given);
    const preview = image
      ? element("img", { src: url, alt: given.name ?? "", onload: () => URL.revokeObjectURL(url) })
      : element("audio", { src: url, controls: true });
    shown.replaceChildren(preview);
    hint.textContent = given.name ?? "";
  }
  input.addEventListener("change", () => take(input.files[0]));
  for (const name of ["dragenter", "dragover"]) {
    area.addEventListener(name, (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
  }
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));
  const elements = [area];
  if (!image) elements.push(recordButton(take));
  return { elements, read: () => file, focus: () => input.focus() };
}

function recordButton(take) {
  const button = element("button", { type: "button", id: "record", textContent: say("record") });
  let recording = null;
  button.addEventListener("click", async () => {
    if (recording) {
      const stop = recording;
      recording = null;
      button.textContent = say("record");
      take(await stop());
      return;
    }
    try {
      recording = await record((seconds) => {
        if (recording) button.textContent = say("stop", { seconds });
      });
      button.textContent = say("stop", { seconds: 0 });
    } catch (error) {
      alert(say("no_microphone", { why: error.message }));
    }
  });
  return element("div", { className: "row" }, button);
}

function columnInputs(columns) {
  const fields = columns.map((column) => {
    const media = column.kind === "image" || column.kind === "audio";
    const input = element("input", media ? { type: "file", accept: `${column.kind}/*` } : { type: "text" });
    input.name = column.name;
    return { column, input, media };
  });
  const elements = fields.map(({ column, input }) =>
    element("label", { className: "field" }, element("span", { textContent: column.name }), input),
  );
  const read = async () => {
    const item = {};
    for (const { column, input, media } of fields) {
      if (media && input.files[0]) item[column.name] = await dataUri(input.files[0]);
      if (!media && input.value.trim()) item[column.name] = typed(input.value.trim(), column.kind);
    }
    return Object.keys(item).length ? item : null;
  };
  return { elements, read, focus: () => fields[0]?.input.focus() };
}

function typed(text, kind) {
  const number = Number(text);
  return kind === "number" && Number.isFinite(number) ? number : text;
}

function dataUri(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

export function inputFor(facts) {
  if (facts.columns.length) return columnInputs(facts.columns);
  if (facts.modality === "image" || facts.modality === "audio") return fileInput(facts.modality);
  if (facts.modality === "vector") {
    const columns = Array.from({ length: facts.width }, (_, place) => ({ name: String(place), kind: "number" }));
    const input = columnInputs(columns);
    const read = async () => {
      const item = await input.read();
      return item === null ? null : columns.map(({ name }) => item[name] ?? null);
    };
    return { ...input, read };
  }
  return textInput();
}
