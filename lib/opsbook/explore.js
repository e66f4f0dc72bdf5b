// A table of records that sorts by a head's button and filters by what is typed. Every cell is set
// as text, never as HTML: whatever an export holds, it is only shown.
const COLLATOR = new Intl.Collator(undefined, { numeric: true });

const compare = (i, way) => (a, b) => {
  const [one, other] = [a[i].by, b[i].by];
  if (one === null || other === null) return (one === null) - (other === null);
  if (typeof one === "number" && typeof other === "number") return way * (one - other);
  return way * COLLATOR.compare(String(one), String(other));
};

const made = (name, parent, text, className) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  parent.append(element);
  return element;
};

function render({ model, el }) {
  el.classList.add("ob-records");
  const bar = made("div", el, undefined, "ob-bar");
  const label = made("label", bar, "Filter ");
  const box = made("input", label);
  box.type = "search";
  box.placeholder = "any word in any column";
  const count = made("span", bar, "", "ob-count");
  count.setAttribute("role", "status");
  const scroll = made("div", el, undefined, "ob-rows");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "Calls");
  let sorted = null;

  const draw = () => {
    const { columns, rows } = model.get("records");
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => {
      const all = row.map((cell) => cell.shown).join("\n").toLowerCase();
      return words.every((word) => all.includes(word));
    };
    const shown = rows.filter(fits);
    if (sorted) shown.sort(compare(sorted.column, sorted.way));
    count.textContent = `${shown.length} of ${rows.length} rows`;
    bar.hidden = scroll.hidden = rows.length === 0;
    scroll.replaceChildren();
    const table = made("table", scroll);
    const head = made("tr", made("thead", table));
    columns.forEach((column, i) => {
      const cell = made("th", head, undefined, column.figure ? "ob-end" : "");
      cell.scope = "col";
      if (sorted && sorted.column === i)
        cell.setAttribute("aria-sort", sorted.way > 0 ? "ascending" : "descending");
      made("button", cell, column.label).onclick = () => {
        sorted = { column: i, way: sorted && sorted.column === i ? -sorted.way : 1 };
        draw();
        scroll.querySelectorAll("th button")[i].focus();
      };
    });
    const body = made("tbody", table);
    for (const row of shown) {
      const line = made("tr", body);
      row.forEach((cell, i) => made("td", line, cell.shown, columns[i].figure ? "ob-end" : ""));
    }
  };
  box.oninput = draw;
  model.on("change:records", () => { sorted = null; box.value = ""; draw(); });
  draw();
}

export default { render };
