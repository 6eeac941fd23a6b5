"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const PAGE = 50;
const at = (id) => document.getElementById(id);

function makeElement(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function formatFigure(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Math.abs(value) < 0.01 ? value.toPrecision(3) : value.toFixed(4);
}

// One object per trial, with the index of its study and a column for each metric.
const ROWS = DATA.studies.flatMap((study, place) => {
  const columns = study.columns;
  return columns.trial.map((number, k) => {
    const row = { place, study: study.name, trial: number };
    for (const name of ["state", "reason", "reward", "seconds", "architecture", "words"]) row[name] = columns[name][k];
    row.elapsed = columns.elapsed[k] / 60;
    row.metrics = columns.metrics[k];
    for (const [name, value] of Object.entries(row.metrics)) row["m_" + name] = value;
    return row;
  });
});
const ROW_OF = new Map(ROWS.map((row) => [row.place + ":" + row.trial, row]));
const trained = (row) => row.state === "trained" || (row.state === "stopped" && row.reward !== null);

// Theme: the system's, unless one was chosen on this page.
const SYSTEM = matchMedia("(prefers-color-scheme: dark)");
const load = (name) => { try { return sessionStorage.getItem(name); } catch { return null; } };
const save = (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* pages opened from a file may have no storage */ } };
function getTheme() { return load("theme") || (SYSTEM.matches ? "dark" : "light"); }

function makeConfig() {
  const style = getComputedStyle(document.documentElement);
  const text = style.getPropertyValue("--text").trim(), line = style.getPropertyValue("--line").trim();
  const axis = { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line };
  return { background: "transparent", axis, title: { color: text, subtitleColor: text }, legend: { labelColor: text, titleColor: text }, view: { stroke: null }, autosize: { type: "fit", contains: "padding" } };
}

const VIEWS = {};
async function show(name, datasets) {
  const spec = DATA.charts[name];
  if (!spec) return;
  const own = { ...spec.config, ...makeConfig() };
  if (!datasets) delete own.autosize;  // panels side by side have fixed sizes
  const merged = { ...spec, datasets: datasets ?? spec.datasets, config: own };
  VIEWS[name]?.finalize();
  const made = await vegaEmbed("#chart-" + name, merged, { actions: { export: true, source: false, compiled: false, editor: false }, renderer: "canvas" });
  VIEWS[name] = made.view;
  made.view.addEventListener("click", (event, item) => { if (item?.datum?.trial !== undefined && item.datum.place !== undefined) choose(item.datum.place, item.datum.trial); });
}

const slim = (row) => ({ place: row.place, study: row.study, trial: row.trial, reward: row.reward, elapsed: row.elapsed, state: row.state });
function findBest(field) {
  const found = [], rows = [...ROWS].sort((a, b) => a[field] - b[field]);
  DATA.studies.forEach((study, place) => {
    let most = -Infinity, last = null;
    for (const row of rows) {
      if (row.place !== place) continue;
      last = row;
      if (trained(row) && row.reward > most) { most = row.reward; found.push(slim(row)); }
    }
    if (most > -Infinity) found.push({ ...slim(last), reward: most });
  });
  return found;
}

function drawCharts() {
  const trials = ROWS.filter((row) => row.state !== "duplicate").map(slim);
  const datasets = { trials, best_trial: findBest("trial"), best_elapsed: findBest("elapsed") };
  const all = ROWS.filter(trained);
  const front = DATA.studies.flatMap((study, place) => study.front.map((number) => ROW_OF.get(place + ":" + number)));
  at("front-section").hidden = !DATA.charts.front;
  return Promise.all([show("comparison", undefined), show("trials", datasets), show("time", datasets), show("front", { trained: all, front }), drawShares()]);
}

function drawShares() {
  const study = DATA.studies[+at("share-study").value];
  const share = study?.shares[+at("share-choice").value];
  if (!share) return null;
  const total = study.columns.trial.length, bins = share.counts.length;
  const rows = share.counts.flatMap((counts, bin) => counts.map((count, k) => ({ trial: Math.round(((bin + 0.5) * total) / bins), option: share.options[k], count })));
  return show("shares", { shares: rows });
}

function fillSelect(select, names) {
  select.replaceChildren(...names.map((name, place) => makeElement("option", name, { value: place })));
}

function fillFrequent() {
  const study = DATA.studies[+at("share-study").value];
  fillSelect(at("share-choice"), study.shares.map((share) => share.choice));
  const rows = study.shares.map((share) => {
    const sum = share.best.reduce((a, b) => a + b, 0);
    const most = share.best.indexOf(Math.max(...share.best));
    return { choice: share.choice, option: share.options[most], share: sum ? share.best[most] / sum : 0 };
  }).sort((a, b) => b.share - a.share).slice(0, 25);
  const body = makeElement("tbody");
  for (const row of rows) {
    const line = makeElement("tr");
    line.append(makeElement("td", row.choice), makeElement("td", row.option), makeElement("td", Math.round(100 * row.share) + " %", { class: "number" }));
    body.append(line);
  }
  const head = makeElement("thead"), line = makeElement("tr");
  for (const name of ["choice", "option", "share"]) line.append(makeElement("th", name, { scope: "col" }));
  head.append(line);
  at("frequent").replaceChildren(head, body);
}

// The selected architecture
function choose(place, number, scroll = false) {
  const row = ROW_OF.get(place + ":" + number), study = DATA.studies[place];
  if (!row) return;
  const list = makeElement("dl");
  const facts = { trial: row.trial, state: row.reason ? row.state + ": " + row.reason : row.state, reward: formatFigure(row.reward), architecture: row.words, tokens: row.architecture };
  if (DATA.studies.length > 1) facts.study = row.study;
  for (const [name, value] of Object.entries(row.metrics)) facts[name] = formatFigure(value);
  for (const [name, value] of Object.entries(facts)) list.append(makeElement("dt", name), makeElement("dd", value));
  const parts = [list], text = study.drawings[number];
  if (text) {
    const drawing = makeElement("div", undefined, { class: "drawing", role: "img", "aria-label": "The architecture of trial " + number, tabindex: "0" });
    drawing.append(document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true));
    const link = makeElement("a", "Download the picture (SVG)", { download: "architecture-" + number + ".svg", href: URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })) });
    parts.push(drawing, link);
  } else {
    parts.push(makeElement("p", "Draw this architecture: nasframe-report DIR --draw " + number, { class: "hint" }));
  }
  at("architecture").replaceChildren(...parts);
  chosen = row;
  for (const line of at("trials").querySelectorAll("tbody tr")) line.setAttribute("aria-selected", String(line.dataset.key === place + ":" + number));
  if (scroll) at("h-architecture").scrollIntoView({ block: "start" });
}
let chosen = null;

// The table
const KNOWN = [...new Set(ROWS.flatMap((row) => Object.keys(row.metrics)))].filter((name) => !name.endsWith("_epochs"));
const FIRST = [...DATA.studies.flatMap((study) => study.shown), ...KNOWN.filter((name) => name.endsWith("latency_contended"))];
const METRICS = [...new Set([...FIRST, ...KNOWN])].slice(0, Math.max(8, new Set(FIRST).size));
const COLUMNS = [
  ...(DATA.studies.length > 1 ? [["study", "study"]] : []),
  ["trial", "trial"], ["state", "state"], ["reward", "reward"],
  ...METRICS.map((name) => ["m_" + name, name.replaceAll("_", " ")]),
  ["seconds", "seconds"], ["reason", "reason"], ["words", "architecture"],
];
let order = { key: "reward", down: true }, page = 0, found = [];

function search() {
  const words = at("find").value.toLowerCase(), state = at("state").value;
  found = ROWS.filter((row) => (!state || row.state === state) && (!words || [row.words, row.architecture, row.reason, row.study, row.trial].join(" ").toLowerCase().includes(words)));
  const sign = order.down ? -1 : 1, key = order.key;
  found.sort((a, b) => {
    const x = a[key] ?? null, y = b[key] ?? null;
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
  });
  page = 0;
  fillTable();
}

function fillTable() {
  const head = makeElement("thead"), line = makeElement("tr");
  for (const [key, title] of COLUMNS) {
    const cell = makeElement("th", undefined, { scope: "col" });
    const button = makeElement("button", title + (order.key === key ? (order.down ? " ▼" : " ▲") : ""), { type: "button" });
    button.addEventListener("click", () => { order = { key, down: order.key === key ? !order.down : key !== "trial" }; search(); at("trials").querySelector(`thead button[data-key="${CSS.escape(key)}"]`)?.focus(); });
    button.dataset.key = key;
    if (order.key === key) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    cell.append(button);
    line.append(cell);
  }
  head.append(line);
  const body = makeElement("tbody");
  for (const row of found.slice(page * PAGE, (page + 1) * PAGE)) {
    const line = makeElement("tr", undefined, { tabindex: "0" });
    line.dataset.key = row.place + ":" + row.trial;
    line.setAttribute("aria-selected", String(row === chosen));
    for (const [key] of COLUMNS) line.append(makeElement("td", formatFigure(row[key]), { class: typeof row[key] === "number" ? "number" : key === "words" || key === "reason" ? "words" : "" }));
    line.addEventListener("click", () => choose(row.place, row.trial, true));
    line.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(row.place, row.trial, true); } });
    body.append(line);
  }
  at("trials").replaceChildren(head, body);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  at("count").textContent = found.length.toLocaleString("en") + " of " + ROWS.length.toLocaleString("en");
  at("place").textContent = "page " + (page + 1) + " of " + pages;
  at("previous").disabled = page === 0;
  at("next").disabled = page + 1 >= pages;
}

// Summary, legend and settings
function collectFacts(study, place) {
  const rows = ROWS.filter((row) => row.place === place);
  const count = (state) => rows.filter((row) => row.state === state).length;
  const sum = (values) => values.reduce((a, b) => a + (b || 0), 0);
  const best = ROW_OF.get(place + ":" + study.best[0]);
  const training = sum(rows.map((row) => row.metrics.train_seconds)), all = sum(rows.map((row) => row.seconds));
  return {
    trials: String(rows.length - count("duplicate")), duplicates: String(count("duplicate")),
    ...Object.fromEntries(["trained", "stopped", "rejected", "failed"].map((state) => [state, String(count(state))])),
    "best reward": best ? formatFigure(best.reward) : "none yet", "best trial": best ? String(best.trial) : "",
    "study time": formatTime(Math.max(...study.columns.elapsed)), "training time": formatTime(training), "measuring time": formatTime(Math.max(0, all - training)),
    "waiting time": formatTime(sum(study.columns.waited)),
  };
}

function fillSummary() {
  const all = DATA.studies.map(collectFacts), names = Object.keys(all[0]);
  if (all.length === 1) {
    const list = makeElement("dl");
    for (const name of names) list.append(makeElement("dt", name), makeElement("dd", all[0][name]));
    at("summary").replaceChildren(list);
  } else {
    const table = makeElement("table"), head = makeElement("thead"), body = makeElement("tbody"), line = makeElement("tr");
    for (const name of ["study", ...names]) line.append(makeElement("th", name, { scope: "col" }));
    head.append(line);
    DATA.studies.forEach((study, place) => {
      const row = makeElement("tr");
      row.append(makeElement("td", study.name), ...names.map((name) => makeElement("td", all[place][name], { class: "number" })));
      body.append(row);
    });
    table.append(head, body);
    const box = makeElement("div", undefined, { class: "scroll" });
    box.append(table);
    at("summary").replaceChildren(box);
  }
  at("comparison-section").hidden = !DATA.sentences.length;
  at("sentences").replaceChildren(...DATA.sentences.map((text) => makeElement("p", text)));
}

function formatTime(seconds) {
  if (seconds < 90) return seconds.toFixed(1) + " s";
  return seconds < 5400 ? (seconds / 60).toFixed(1) + " min" : (seconds / 3600).toFixed(1) + " h";
}

function fillLegend() {
  if (DATA.studies.length === 1) return;
  at("legend").replaceChildren(...DATA.studies.map((study, place) => {
    const item = makeElement("li"), mark = makeElement("i");
    mark.style.background = DATA.colours[place];
    item.append(mark, study.name);
    return item;
  }));
}

function fillSettings() {
  const parts = [];
  for (const study of DATA.studies) {
    const box = makeElement("details"), list = makeElement("dl");
    box.append(makeElement("summary", "All settings of " + study.folder));
    parts.push(makeElement("p", "Command that repeats the study:"), makeElement("code", study.command));
    const versions = Object.entries(study.versions).map(([name, text]) => name + " " + text).join(", ");
    for (const [name, value] of Object.entries({ device: study.device, versions, ...study.config })) list.append(makeElement("dt", name), makeElement("dd", value));
    box.append(list);
    parts.push(box);
  }
  at("settings").replaceChildren(...parts);
}

function start() {
  document.documentElement.dataset.theme = getTheme();
  at("theme").addEventListener("click", () => { save("theme", getTheme() === "dark" ? "light" : "dark"); document.documentElement.dataset.theme = getTheme(); drawCharts(); });
  fillSelect(at("share-study"), DATA.studies.map((study) => study.name));
  at("share-study").parentElement.hidden = DATA.studies.length === 1;
  at("share-study").addEventListener("change", () => { fillFrequent(); drawShares(); });
  at("share-choice").addEventListener("change", drawShares);
  const states = [...new Set(ROWS.map((row) => row.state))].sort();
  at("state").append(makeElement("option", "all", { value: "" }), ...states.map((state) => makeElement("option", state, { value: state })));
  at("find").value = load("find") || "";
  let waiting = 0;
  at("find").addEventListener("input", () => { save("find", at("find").value); clearTimeout(waiting); waiting = setTimeout(search, 80); });
  at("state").addEventListener("change", search);
  at("previous").addEventListener("click", () => { page -= 1; fillTable(); });
  at("next").addEventListener("click", () => { page += 1; fillTable(); });
  fillSummary();
  fillLegend();
  fillSettings();
  fillFrequent();
  search();
  const first = DATA.studies.findIndex((study) => study.best.length);
  if (first >= 0) choose(first, DATA.studies[first].best[0]);
  at("foot").textContent = "Written by nasframe " + DATA.nasframe + "." + (DATA.refresh ? " This page reloads while the study runs." : "");
  drawCharts().then(() => { document.documentElement.dataset.ready = "true"; });
  if (DATA.refresh) {
    scrollTo(0, +(load("scroll") || 0));
    setTimeout(() => { save("scroll", scrollY); location.reload(); }, 1000 * DATA.refresh);
  }
}
start();
