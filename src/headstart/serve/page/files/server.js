// Requests to the server. Each gives the answer as JSON (or text), or throws an Error with the server's sentence.

import { say } from "./words.js";

async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem("token");
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Error(say("no_server"));
  }
  if (answer.status === 401) {
    const given = prompt(say("token"));
    if (given) {
      sessionStorage.setItem("token", given);
      return ask(path, options);
    }
  }
  if (!answer.ok) {
    const found = await answer.json().catch(() => ({}));
    const after = Number(answer.headers.get("Retry-After")) || 5;
    throw Object.assign(new Error(found.error ?? `${answer.status} ${answer.statusText}`), { status: answer.status, after });
  }
  return answer;
}

// An item is a text, a row, an object of columns, or a File; files are sent as a form, all else as JSON.
function body(item, fields) {
  if (item instanceof Blob) {
    const form = new FormData();
    form.append("files", item, item.name ?? "item");
    for (const [name, value] of Object.entries(fields)) {
      form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
    }
    return { method: "POST", body: form };
  }
  const headers = { "Content-Type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify({ item, ...fields }) };
}

const post = (path, value) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

export const about = async () => (await ask("about")).json();
export const versions = async (before) => (await ask(before ? `versions?before=${before}` : "versions")).json();
export const queue = async (count) => (await ask(`queue?n=${count}`)).json();
export const teach = async (after) => (await post("teach", after === undefined ? {} : { after })).json();
export const rollback = async (version) => (await post("rollback", { version })).json();
export const explain = async (item) => (await ask("explain?format=html", body(item, {}))).text();
export const feedback = async (item, fields) => (await ask("feedback", body(item, fields))).json();
export const correctQueued = async (id, fields) => (await post("feedback", { queued: id, ...fields })).json();

export async function predict(item, fields) {
  const found = await (await ask("predict", body(item, fields))).json();
  const answer = found.predictions[0];
  if (answer.error) throw new Error(answer.error);
  return { ...answer, version: found.model_version };
}
