"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const texts = data.texts;
  const [ID, DAY, CLOCK, LASTED, APP, PATH, CAMERA, USER, SORT, VERDICT, WHY] = Array(11).keys();
  const NOTEWORTHY = new Set(["unexpected", "blocked"]);
  const SVG = "http://www.w3.org/2000/svg";
  const folded = texts.map((text) => text.toLowerCase());
  const number = new Intl.NumberFormat("en");
  const rows = data.rows;
  const body = byId("rows");
  let found = rows;
  let first = 0;

  const matches = (row, words) => words.every((word) =>
    row[ID] === word || row[CLOCK].startsWith(word) ||
    [DAY, APP, PATH, CAMERA, USER, VERDICT, WHY].some((column) => folded[row[column]].includes(word)));

  const wanted = () => {
    const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const sort = byId("sort").value;
    const app = byId("app").value;
    const camera = byId("camera").value;
    const from = byId("from").value;
    const to = byId("to").value;
    return (row) => {
      const kind = texts[row[SORT]];
      const day = texts[row[DAY]];
      return (!sort || kind === sort || (sort === "noteworthy" && NOTEWORTHY.has(kind))) &&
        (!app || row[APP] === Number(app)) && (!camera || row[CAMERA] === Number(camera)) &&
        (!from || day >= from) && (!to || day <= to) && matches(row, words);
    };
  };

  const element = (name, role, style, text) => {
    const made = document.createElement(name);
    if (role) made.setAttribute("role", role);
    if (style) made.className = style;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const mark = (sort) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", `mark ${sort}`);
    svg.setAttribute("viewBox", "0 0 12 12");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(SVG, "use");
    use.setAttribute("href", `#mark-${sort}`);
    svg.append(use);
    return svg;
  };

  const small = (text) => (text ? [element("small", "", "", text)] : []);

  const line = (row) => {
    const made = element("tr", "row");
    const id = element("th", "rowheader", "id", row[ID]);
    id.scope = "row";
    const when = element("td", "cell", "when", `${texts[row[DAY]]} `);
    when.append(element("span", "", "clock", row[CLOCK]));
    const app = element("td", "cell", "app");
    app.append(element("span", "", "", texts[row[APP]]), ...small(texts[row[PATH]]));
    const sort = texts[row[SORT]];
    const verdict = element("td", "cell", `verdict ${sort}`);
    verdict.append(mark(sort), " ", element("span", "", "", texts[row[VERDICT]]), ...small(texts[row[WHY]]));
    made.append(id, when, element("td", "cell", "lasted", row[LASTED]), app,
      element("td", "cell", "camera", texts[row[CAMERA]]), element("td", "cell", "user", texts[row[USER]]), verdict);
    return made;
  };

  const show = () => {
    const size = Number(byId("size").value);
    const last = Math.min(first + size, found.length);
    const fragment = document.createDocumentFragment();
    for (let index = first; index < last; index += 1) fragment.append(line(found[index]));
    body.replaceChildren(fragment);
    const of = found.length === rows.length ? number.format(rows.length)
      : `${number.format(found.length)} that match, of ${number.format(rows.length)}`;
    byId("extent").textContent = found.length
      ? `${number.format(first + 1)} to ${number.format(last)} of ${of}, the newest first.`
      : `None of ${number.format(rows.length)} matches.`;
    byId("pages").hidden = found.length <= size;
    byId("page").textContent = `Page ${Math.floor(first / size) + 1} of ${Math.ceil(found.length / size)}`;
    byId("newer").disabled = first === 0;
    byId("older").disabled = last === found.length;
  };

  const search = () => {
    found = rows.filter(wanted());
    first = 0;
    show();
  };

  const turn = (pages) => {
    first = Math.max(0, first + pages * Number(byId("size").value));
    show();
    byId("uses").scrollIntoView();
    byId("uses").focus({ preventScroll: true });
  };

  const offer = (id, column) => {
    const there = [...new Set(rows.map((row) => row[column]))];
    there.sort((one, other) => texts[one].localeCompare(texts[other]));
    byId(id).append(...there.map((index) => new Option(texts[index] || "without a name", index)));
    byId(id).parentElement.hidden = there.length < 2;
  };

  offer("app", APP);
  offer("camera", CAMERA);
  for (const [sort, word] of Object.entries(data.sorts)) byId("sort").append(new Option(word, sort));
  const form = byId("filters");
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(search));
  form.addEventListener("input", search);
  byId("newer").addEventListener("click", () => turn(-1));
  byId("older").addEventListener("click", () => turn(1));
  search();
})();
