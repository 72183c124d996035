// The browser of samples: filters, a paged list, and the whole of one sample.

const PAGE = 50;
const rows = data.samples.rows.map((row) => ({ ...row, task: data.samples.tasks[row.task] }));
const view = { found: rows, at: 0, task: null, query: "" };
const controls = {};

function outcome(row) {
  if (row.verdict === "abstained" || !isNumber(row.score)) return "abstained";
  return row.score >= 1 ? "pass" : row.score <= 0 ? "fail" : "partial";
}
function outcomeText(row) {
  const kind = outcome(row);
  return kind === "abstained" ? kind : kind + " " + figure(row.score);
}
// The searchable text of a row, made once, when a search first needs it.
function haystack(row) {
  if (row.text === undefined) {
    const messages = row.task.prompt.concat(row.turns).map((message) => message.content);
    row.text = [row.task.id, row.reason || "", ...messages].join("\n").toLowerCase();
  }
  return row.text;
}

const ORDERS = {
  "run order": null,
  "highest reward": (a, b) => (b.reward ?? b.score ?? -Infinity) - (a.reward ?? a.score ?? -Infinity),
  "lowest reward": (a, b) => (a.reward ?? a.score ?? Infinity) - (b.reward ?? b.score ?? Infinity),
  "longest": (a, b) => (b.tokens ?? 0) - (a.tokens ?? 0),
  "shortest": (a, b) => (a.tokens ?? 0) - (b.tokens ?? 0),
};

function refresh() {
  const wants = [];
  const choose = (name, value) => { if (controls[name].value) wants.push((row) => value(row) === controls[name].value); };
  choose("stage", (row) => row.stage);
  choose("mode", (row) => row.mode || "");
  choose("suite", (row) => row.task.suite);
  choose("verifier", (row) => row.task.verifier);
  choose("outcome", outcome);
  if (controls.from.value) wants.push((row) => row.step >= Number(controls.from.value));
  if (controls.to.value) wants.push((row) => row.step <= Number(controls.to.value));
  if (view.task) wants.push((row) => row.task.id === view.task);
  view.query = controls.search.value.trim().toLowerCase();
  if (view.query) wants.push((row) => haystack(row).includes(view.query));
  view.found = rows.filter((row) => wants.every((want) => want(row)));
  const order = ORDERS[controls.order.value];
  if (order) view.found.sort(order);
  controls.task.hidden = !view.task;
  controls.task.textContent = "task " + view.task + " ×";
  select(0);
}

function select(position) {
  view.at = Math.max(0, Math.min(position, view.found.length - 1));
  showList();
  showDetail();
}

function listItem(row, position) {
  const last = row.task.prompt[row.task.prompt.length - 1];
  const where = [row.stage, row.step === undefined ? row.mode : "step " + row.step].filter(Boolean).join(" · ");
  const item = el("button", { type: "button", class: "item" + (position === view.at ? " on" : ""), "data-position": position },
    el("div", { class: "row" },
      el("span", { class: "verdict " + outcome(row) }, outcomeText(row)), el("span", {}, where),
      el("span", { class: "end" }, row.task.suite || row.task.verifier)),
    el("div", { class: "text" }, (last ? last.content : row.task.id).slice(0, 160)));
  item.addEventListener("click", () => select(position));
  return item;
}

function showList() {
  const start = view.at - (view.at % PAGE), total = view.found.length;
  const items = view.found.slice(start, start + PAGE).map((row, i) => listItem(row, start + i));
  if (!total) items.push(el("p", { class: "empty item" }, rows.length ? "No sample matches." : "No samples yet."));
  controls.items.replaceChildren(...items);
  const end = Math.min(start + PAGE, total);
  controls.count.textContent = total ? `${start + 1}–${end} of ${total.toLocaleString("en")}` : "0 samples";
  controls.back.disabled = start === 0;
  controls.forth.disabled = end >= total;
  const chosen = controls.items.querySelector(".on");
  if (chosen) {
    const above = chosen.offsetTop - controls.items.offsetTop;
    const visible = above >= controls.items.scrollTop
      && above + chosen.offsetHeight <= controls.items.scrollTop + controls.items.clientHeight;
    if (!visible) controls.items.scrollTop = above - controls.items.clientHeight / 3;
  }
}

// Text with every match of the search in <mark>, built from text nodes alone.
function marked(text) {
  const pre = el("pre", {});
  const lower = text.toLowerCase();
  // A few letters change length in lower case; then positions would not agree, and the text stays unmarked.
  const query = lower.length === text.length ? view.query : "";
  let from = 0;
  for (let hit = query ? lower.indexOf(query) : -1, marks = 0; hit >= 0 && marks < 500; marks += 1) {
    pre.append(text.slice(from, hit), el("mark", {}, text.slice(hit, hit + query.length)));
    from = hit + query.length;
    hit = lower.indexOf(query, from);
  }
  pre.append(text.slice(from));
  return pre;
}

function block(kind, label, text) {
  return el("div", { class: "block " + kind }, el("div", { class: "label" }, label), marked(text));
}
function folded(kind, label, text, open) {
  const node = el("details", { class: "block " + kind }, el("summary", {}, label), marked(text));
  node.open = open;
  return node;
}

// An assistant turn starts inside its thinking, because the prompt opened it; the first </think> ends it.
function assistantBlocks(text) {
  const cut = text.indexOf("</think>");
  const thinking = (cut < 0 ? text : text.slice(0, cut)).replace(/^\s*<think>/, "").trim();
  const answer = cut < 0 ? "" : text.slice(cut + "</think>".length).trim();
  const blocks = [];
  if (thinking) blocks.push(folded("thinking", cut < 0 ? "thinking (never closed)" : "thinking", thinking, true));
  if (cut >= 0) blocks.push(block("answer", "answer", answer || "(empty)"));
  return blocks;
}

function promptBlock(message) {
  if (message.role === "system") return folded("system", "system prompt", message.content, message.content.length < 400);
  const kind = message.role === "user" || message.role === "tool" ? message.role : "";
  return block(kind, message.role, message.content);
}

function showDetail() {
  const row = view.found[view.at];
  if (!row) {
    controls.detail.replaceChildren();
    return;
  }
  const facts = [
    ["stage", row.stage], ["step", row.step], ["mode", row.mode], ["suite", row.task.suite], ["source", row.task.source],
    ["verifier", row.task.verifier], ["reward", row.reward], ["advantage", row.advantage], ["tokens", row.tokens],
    ["finish", row.finish_reason], ["tools", row.task.tools.join(", ")],
  ].filter(([, value]) => value !== undefined && value !== null && value !== "");
  const same = el("button", { type: "button", class: "button", title: "Show every sample of this task, in all stages" }, "Same task");
  same.addEventListener("click", () => {
    clearFilters();
    view.task = row.task.id;
    refresh();
  });
  const step = (label, by, title) => {
    const button = el("button", { type: "button", class: "button", title }, label);
    button.disabled = !view.found[view.at + by];
    button.addEventListener("click", () => select(view.at + by));
    return button;
  };
  const kind = outcome(row);
  controls.detail.replaceChildren(
    el("div", { class: "title" }, el("b", {}, row.task.id || "sample"),
      el("span", { class: "verdict " + kind }, outcomeText(row)),
      el("span", { class: "end" }, row.task.id ? same : null, step("←", -1, "Previous (k)"), step("→", 1, "Next (j)"))),
    el("div", { class: "judged " + kind }, row.reason || "No reason was recorded."),
    el("div", { class: "meta" }, ...facts.map(([name, value]) =>
      el("span", {}, name + " ", el("b", {}, isNumber(value) ? figure(value) : String(value))))),
    ...row.task.prompt.map(promptBlock),
    ...row.turns.flatMap((turn) =>
      turn.role === "assistant" ? assistantBlocks(turn.content) : [block("tool", turn.role, turn.content)]),
    folded("truth", "truth given to the verifier", row.task.truth, row.task.truth.length < 300));
  controls.detail.scrollTop = 0;
}

function clearFilters() {
  for (const name of ["stage", "mode", "suite", "verifier", "outcome", "from", "to", "search"]) controls[name].value = "";
  view.task = null;
}

function filterBar() {
  const choice = (name, all, values) => {
    const options = values.filter(Boolean).map((value) => el("option", { value }, value));
    controls[name] = el("select", { "aria-label": name, id: "filter-" + name }, el("option", { value: "" }, all), ...options);
    controls[name].addEventListener("change", refresh);
    return controls[name];
  };
  let pause = 0;
  const field = (name, type, placeholder) => {
    controls[name] = el("input", { type, placeholder, "aria-label": placeholder, id: "filter-" + name });
    controls[name].addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(refresh, 150);
    });
    return controls[name];
  };
  controls.task = el("button", { type: "button", class: "button chip", title: "Show all tasks again" });
  controls.task.addEventListener("click", () => { view.task = null; refresh(); });
  controls.order = el("select", { "aria-label": "order" }, ...Object.keys(ORDERS).map((name) => el("option", { value: name }, name)));
  controls.order.addEventListener("change", refresh);
  const clear = el("button", { type: "button", class: "button" }, "Clear");
  clear.addEventListener("click", () => { clearFilters(); refresh(); });
  return el("div", { class: "filters" },
    choice("stage", "all stages", unique(rows.map((row) => row.stage))),
    choice("mode", "train and eval", unique(rows.map((row) => row.mode))),
    choice("suite", "all suites", unique(rows.map((row) => row.task.suite)).sort()),
    choice("verifier", "all verifiers", unique(rows.map((row) => row.task.verifier)).sort()),
    choice("outcome", "any outcome", ["pass", "partial", "fail", "abstained"]),
    el("label", {}, "steps", field("from", "number", "from"), "to", field("to", "number", "to")),
    field("search", "search", "Search text ( / )"), controls.order, clear, controls.task);
}

function showSamples() {
  controls.items = el("div", { class: "items" });
  controls.count = el("span", { class: "count" });
  controls.back = el("button", { type: "button", class: "button" }, "‹");
  controls.forth = el("button", { type: "button", class: "button" }, "›");
  const turnPage = (by) => select(view.at - (view.at % PAGE) + by * PAGE);
  controls.back.addEventListener("click", () => turnPage(-1));
  controls.forth.addEventListener("click", () => turnPage(1));
  controls.detail = el("div", { class: "detail" });
  const pager = el("div", { class: "pager" }, controls.back, controls.count, controls.forth);
  const hint = "Keys: j and k for the next and previous sample, / to search.";
  place("samples-body", filterBar(),
    el("div", { class: "browser" }, el("div", { class: "list" }, controls.items, pager), controls.detail),
    el("p", { class: "hint" }, hint));
  refresh();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "j") select(view.at + 1);
  else if (event.key === "k") select(view.at - 1);
  else if (event.key === "/") {
    event.preventDefault();
    controls.search.focus();
  }
});

showSamples();
