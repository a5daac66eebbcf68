/* Shows the pairs one after the other and sends the answers. Values come into the page as text nodes only. */
"use strict";

const NOTHING = "–";
const NAMES = { customer_name: "Name", email: "E-mail", address: "Address" };
const VERDICTS = { same: "One person", different: "Two persons", skip: "Skipped" };
const KEYS = { s: "same", d: "different", k: "skip", " ": "skip", u: "undo" };

const at = (id) => document.getElementById(id);
const count = new Intl.NumberFormat("en");
const points = (weight) => (weight < 0 ? "−" : "+") + Math.abs(weight).toFixed(1);
// Only what is certain is 100 %.
const percent = (part) => (part === 1 ? "100 %" : `${Math.min(100 * part, 99.99).toFixed(2)} %`);
const words = (name) => name.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ").toLowerCase();
const capital = (text) => (text ? text[0].toUpperCase() + text.slice(1) : text);

function make(tag, attributes, ...children) {
  const element = tag === "svg" || tag === "rect" || tag === "line"
    ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

function tableOf(caption, headings, rows) {
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, make("table", {},
    make("caption", { class: "unseen" }, caption),
    make("thead", {}, make("tr", {}, headings.map((heading) => make("th", { scope: "col" }, heading)))),
    make("tbody", {}, rows.map(([first, ...cells]) => make("tr", {}, make("th", { scope: "row" }, first), cells)))));
}

function values({ ids, fields }) {
  const side = (pieces) => make("td", { dir: "auto" }, pieces.length
    ? pieces.map(([text, marked]) => (marked ? make("mark", {}, text) : text)) : NOTHING);
  return tableOf("The two customers side by side", ["What", ...ids.map((id) => `Customer ${id}`), "Compared"],
    fields.map(({ name, agreement, left, right }) => [
      NAMES[name] ?? capital(words(name)), side(left), side(right), make("td", {}, agreement)]));
}

/* A waterfall: each row begins where the one above it ended. */
function reasons({ probability, start, reasons: given }) {
  const steps = [...(start === null ? [] : [{ words: "any two customers", weight: start }]), ...given];
  let sum = 0;
  const rows = steps.map((step) => ({ ...step, from: sum, to: (sum += step.weight) }));
  const ends = [0, ...rows.map((row) => row.to)];
  const least = Math.min(...ends);
  const width = Math.max(...ends) - least || 1;
  const place = (weight) => (100 * (weight - least)) / width;
  const bar = (from, to) => make("td", { class: "chart-cell" },
    make("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      make("rect", { class: to < from ? "against" : "for", x: place(Math.min(from, to)), y: 1, width: Math.abs(place(to) - place(from)), height: 8 }),
      make("line", { x1: place(0), x2: place(0), y1: 0, y2: 10 })));
  return tableOf("Reasons and their points", ["Reason", "For it to the right, against it to the left", "Points"], [
    ...rows.map((row) => [capital(row.words), bar(row.from, row.to), make("td", { class: "number" }, points(row.weight))]),
    ["Together", bar(0, sum), make("td", { class: "number" }, `${points(sum)}, ${percent(probability)}`)]]);
}

let shown = null; // the pair
let busy = false;

function show(state) {
  shown = state.pair;
  at("bar").max = Math.max(state.total, 1);
  at("bar").value = state.decided;
  at("done").textContent = `${count.format(state.decided)} of ${count.format(state.total)} decided`
    + (state.skipped ? `, ${count.format(state.skipped)} skipped` : "");
  at("pair").hidden = !shown;
  at("end").hidden = Boolean(shown);
  for (const id of ["same", "different", "skip"]) at(id).hidden = !shown;
  at("undo").disabled = !state.can_undo;
  at("skipped").hidden = Boolean(shown) || !state.skipped;
  at("why").value = "";
  if (shown) {
    at("pair-title").textContent = `Customers ${shown.ids.join(" and ")}: ${percent(shown.probability)} likely to be one person`;
    at("values").replaceChildren(values(shown));
    at("reasons").replaceChildren(reasons(shown));
  } else {
    at("end-title").textContent = !state.total ? "No pair waits for a decision"
      : !state.skipped ? "All pairs are decided"
        : `All pairs are through: ${count.format(state.decided)} decided, ${count.format(state.skipped)} skipped`;
    at("end-note").textContent = (state.decided ? "The next run (c360 run) takes over what was decided. " : "")
      + (state.skipped ? "What was skipped waits until somebody decides it. " : "") + "You may close this page, and end the command with Ctrl-C.";
  }
  at(shown ? "pair-title" : "end-title").focus({ preventScroll: true });
}

async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(`review/${path}`, body === undefined ? {} : {
      method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-Review-Token": document.body.dataset.token },
    });
  } catch {
    throw new Error("The review does not answer. Start c360 identity review again, and open what it names.");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(typeof said.detail === "string" ? said.detail : `The review answered ${answer.status}.`);
  return said;
}

/* Does one thing at a time: a key that is pressed twice must not answer the next pair. */
async function act(path, body, told) {
  if (busy) return;
  busy = true;
  try {
    show(await ask(path, body));
    at("wrong").hidden = true;
    at("said").textContent = told;
  } catch (error) {
    at("said").textContent = "";
    at("wrong").textContent = error.message;
    at("wrong").hidden = false;
  } finally {
    busy = false;
  }
}

const answers = {
  undo: () => act("undo", {}, "Taken back."),
  skipped: () => act("skipped", {}, ""),
};
for (const verdict of Object.keys(VERDICTS)) {
  answers[verdict] = () => {
    const [customer_id, other_customer_id] = shown.ids;
    return act("answer", { customer_id, other_customer_id, verdict, why: at("why").value },
      `${VERDICTS[verdict]}: customers ${customer_id} and ${other_customer_id}.`);
  };
}
for (const [id, answer] of Object.entries(answers)) at(id).addEventListener("click", answer);

addEventListener("keydown", (event) => {
  if (event.target === at("why")) {
    if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); at("pair-title").focus(); }
    return;
  }
  if (!at("keys").checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === " " && event.target.matches("button, input, a")) return; // space presses it
  const id = Object.hasOwn(KEYS, event.key.toLowerCase()) ? KEYS[event.key.toLowerCase()] : null;
  if (!id || at(id).hidden || at(id).disabled) return;
  event.preventDefault();
  answers[id]();
});

act("state", undefined, "");
