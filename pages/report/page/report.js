/* Draws the report and finds customers. Values come into the page as text nodes only, never as markup. */
"use strict";

const NARROW = 640;
const COLOURS = { online: "#0072b2", in_store: "#d55e00", one: "#0072b2" };
const CHANNELS = { online: "Online", in_store: "In store", all: "Both channels" };
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MATCHES_SHOWN = 20;
const EVENTS_SHOWN = 25;
const CHART_AGENTS = 20;
const BEST_CUSTOMERS = 10;

// ---- values, written for people -------------------------------------------------------------

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const NOTHING = "–";
// Numbers arrive as text, which the formats take digit by digit: none is rounded on the way.
const number = (value) => (value === null ? NOTHING : whole.format(value));
const money = (value) => (value === null ? NOTHING : cents.format(value));
const percent = (value) => (value === null ? NOTHING : `${cents.format(value)} %`);
const text = (value) => (value === null || value === "" ? NOTHING : String(value));
const channel = (value) => CHANNELS[value] ?? text(value);
const hour = (value) => `${String(value).padStart(2, "0")}:00`;
const linkTo = (customerId) => `#customer/${encodeURIComponent(customerId)}`; // an id may have any letter in it
const plural = (count, thing) => `${number(count)} ${thing}${Number(count) === 1 ? "" : "s"}`;

function day(value) {
  if (value === null) return NOTHING;
  const [year, month, date] = value.slice(0, 10).split("-");
  return `${Number(date)} ${MONTHS[month - 1]} ${year}`;
}

function time(value) {
  return value === null ? NOTHING : `${day(value)}, ${value.slice(11, 16)}`;
}

// ---- elements -------------------------------------------------------------------------------

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const at = (id) => document.getElementById(id);

function tableOf(caption, headings, rows) {
  const numeric = headings.map((heading) => heading.number);
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {},
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, headings.map((heading) =>
        make("th", { scope: "col", class: heading.number ? "number" : null }, heading.title)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell, index) =>
        make(index ? "td" : "th", {
          scope: index ? null : "row", class: numeric[index] ? "number" : headings[index].class,
        }, cell)))))));
}

const column = (title) => ({ title });
const numbers = (title) => ({ title, number: true });

function figures(entries) {
  return make("dl", { class: "figures" }, entries.map(([title, value, note, from]) =>
    make("div", {}, make("dt", {}, title),
      make("dd", {}, traced(value, title, from), note ? make("small", {}, note) : null))));
}

// ---- where a figure comes from --------------------------------------------------------------

let served = false; // only a server can follow a figure to the lines of files

/* A figure as it is shown, with a button that opens where it comes from: a number of a mart, or a metric. */
function traced(shown, name, from) {
  if (!served || !from || shown === NOTHING) return shown;
  const button = make("button", { type: "button", class: "source", title: "Where does this come from?", "aria-label": `Where does this come from? ${name}: ${shown.textContent ?? shown}` });
  button.addEventListener("click", () => explain(name, from));
  return make("span", { class: "traced" }, shown, button);
}

const ofMart = (mart, where) => (column) => ({ mart, column, where });

async function explain(name, { mart, column, where }) {
  const dialog = make("dialog", { class: "explained", "aria-labelledby": "explained-title" });
  const status = make("p", { class: "note", role: "status" }, "Following it to the files …");
  const rows = make("div", {});
  const leftOut = make("div", {});
  const more = make("button", { type: "button", hidden: "" }, "Show more");
  const close = make("button", { type: "button", class: "close" }, "Close");
  const head = make("div", {});
  const leftTitle = make("h3", { hidden: "" }, "What was left out, and why");
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(close, make("h2", { id: "explained-title", tabindex: "-1" }, `Where does this come from? ${name}`), head, status, rows, leftTitle, leftOut, more);
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("h2").focus();
  let offset = 0;
  async function show() {
    more.disabled = true;
    const asked = new URLSearchParams({ mart, offset });
    if (column) asked.set("column", column);
    for (const [key, value] of Object.entries(where ?? {})) asked.append("where", `${key}=${value}`);
    let found;
    try {
      const answer = await fetch(`api/explain?${asked}`);
      found = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(typeof found.detail === "string" ? found.detail : `The server answered ${answer.status}.`);
    } catch (error) { status.textContent = error.message; return; }
    if (!offset) head.replaceChildren(...explainedHead(found));
    rows.append(...found.rows.map(explainedRow));
    leftOut.append(...found.left_out.map(explainedLeftOut));
    leftTitle.hidden = !leftOut.childElementCount;
    const shown = rows.childElementCount;
    status.textContent = found.count ? `${number(shown)} of ${plural(found.count, "row")} that it is made of, each with the line that arrived:` : "No row is counted in it.";
    offset += 10;
    more.hidden = shown >= found.count && offset >= found.others;
    more.disabled = false;
  }
  more.addEventListener("click", show);
  await show();
}

/* A value of an explanation as text: amounts and counts as people write them, all else as it is. */
const exactly = (value) => (value === null ? NOTHING : /^-?\d+\.\d\d$/.test(value) ? money(value) : /^-?\d+$/.test(value) ? number(value) : String(value));
const listed = (values) => Object.entries(values).map(([name, value]) => `${name.replaceAll("_", " ")} ${value === true ? "yes" : value === false ? "no" : value}`).join(", ");

function explainedHead({ value, words, terms, formula, computed, adds_up: addsUp, position, notes }) {
  const parts = [make("p", { class: "explained-value" }, exactly(value)), make("p", {}, words)];
  if (position) {
    parts.push(make("p", {}, position.words), tableOf("Its place among the others", [numbers("Place"), ...position.columns.map((title) => numbers(capital(title)))],
      position.rows.map(([place, values, isIt]) => [isIt ? make("strong", {}, number(place)) : number(place), ...values.map((each) => (each === null ? NOTHING : String(each)))])));
  }
  if (terms.length) parts.push(tableOf("What it is made of", [column("What"), numbers("Value"), numbers("Rows")], terms.map((term) => [term.label, exactly(term.value), term.rows ? number(term.rows) : NOTHING])));
  parts.push(...notes.map((note) => make("p", { class: "note" }, note)));
  if (addsUp !== null) {
    parts.push(make("p", { class: addsUp ? "adds-up" : "empty" }, `Computed anew${formula ? `, ${formula}` : ""}: ${exactly(computed)}. `
      + (addsUp ? "It adds up to the number." : "It does not add up to the number. c360 verify shows what differs from a build of everything.")));
  }
  return parts;
}

function explainedPlace(place, title) {
  if (!place) return [];
  const line = place.line === null ? `row ${place.row}` : `line ${number(place.line)}`;
  return [make("p", { class: "note" }, `${title}${line} of ${place.file}, batch ${place.batch}`),
    place.text === null ? null : make("pre", { class: "raw", tabindex: "0", role: "region", "aria-label": `${line} of ${place.file}` }, place.text.trimEnd())];
}

function explainedRow({ counts_as: counts, gold, silver, place }) {
  return make("div", { class: "explained-row" }, make("p", {}, make("strong", {}, listed(counts))),
    ...explainedPlace(place, ""),
    make("details", {}, make("summary", {}, "As it stands in gold and silver"),
      Object.keys(gold).length ? make("p", { class: "note" }, `Gold: ${listed(gold)}`) : null,
      Object.keys(silver).length ? make("p", { class: "note" }, `Silver: ${listed(silver)}`) : null));
}

function explainedLeftOut({ why, row, place, replaced_by: replacedBy }) {
  return make("div", { class: "explained-row" }, make("p", {}, make("strong", {}, capital(why))), ...explainedPlace(place, ""),
    ...explainedPlace(replacedBy && { ...replacedBy, text: null }, "In its place counts "),
    make("details", {}, make("summary", {}, "Its values"), make("p", { class: "note" }, listed(row))));
}

// ---- charts ---------------------------------------------------------------------------------

// Plotly reads a little markup in labels (<b>, <a href>, &amp;): in names it is to show as it is.
const label = (value) => String(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = (value, length) => {
  const letters = [...String(value)];
  return label(letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : value);
};

const undrawn = new Map(); // of each section, the charts that wait until it is shown

function panel(section, { title, note, alt, draw, table, empty, wide }) {
  const parts = [make("h2", {}, title), note ? make("p", { class: "note" }, note) : null];
  if (table?.querySelector("caption").textContent === title) table.querySelector("caption").className = "unseen";
  if (empty) {
    parts.push(make("p", { class: "empty" }, empty));
  } else {
    if (draw) {
      const place = make("div", { class: "chart", role: "img", "aria-label": alt });
      parts.push(place);
      undrawn.get(section).push({ place, draw });
      if (table) parts.push(make("details", {}, make("summary", {}, "Show the numbers"), table));
    } else if (table) {
      parts.push(table);
    }
  }
  return make("div", { class: wide ? "panel wide" : "panel" }, parts);
}

function plot({ place, draw }) {
  const narrow = window.innerWidth < NARROW;
  const { traces, layout } = draw(narrow);
  const { xaxis, yaxis, ...rest } = layout;
  const axis = { fixedrange: true, gridcolor: "#e4e9ee", zerolinecolor: "#b9c4ce", automargin: true };
  Plotly.react(place, traces, {
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: "#1b2733" },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 8, r: 16, t: 8, b: 8, pad: 4 },
    separators: ".,", dragmode: false, hovermode: "closest", bargap: 0.25,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  }, { displayModeBar: false, responsive: true });
  // What the chart says is in its label and its table; its inner parts would only be noise.
  for (const part of place.children) part.setAttribute("aria-hidden", "true");
}

/* Horizontal bars, one a row; places are numbers, since two names may look the same when cut. */
function bars(rows, { value, shown, name, colour, range }) {
  return (narrow) => ({
    traces: [{
      type: "bar", orientation: "h", y: rows.map((_, index) => index), x: rows.map((row) => Number(value(row))),
      text: rows.map((row) => label(shown(row, narrow))), textposition: "auto", cliponaxis: false,
      insidetextfont: { color: "#fff" }, insidetextanchor: "end", textangle: 0, constraintext: "none",
      customdata: rows.map((row) => `${label(name(row))}<br>${label(shown(row))}`), hovertemplate: "%{customdata}<extra></extra>",
      marker: { color: colour ?? COLOURS.one },
    }],
    layout: {
      height: 56 + 30 * rows.length,
      xaxis: { range, rangemode: "tozero", nticks: narrow ? 4 : 6, tickformat: "~s" },
      yaxis: {
        tickvals: rows.map((_, index) => index), ticktext: rows.map((row) => short(name(row), narrow ? 14 : 26)),
        range: [rows.length - 0.5, -0.5], showgrid: false, zeroline: false,
      },
    },
  });
}

// ---- the pages ------------------------------------------------------------------------------

const NO_PURCHASES = "No purchase has arrived yet. Online orders come in OnlineTransactions.csv, store purchases in InStoreTransactions.csv, or from the API.";
const NO_ORDERS = "No online order that counts as revenue has arrived yet. They come in OnlineTransactions.csv or from the API.";
const NO_VISITS = "No store purchase has arrived yet. They come in InStoreTransactions.csv.";
const NO_CUSTOMERS = "No customer has arrived yet. They come in Customers.csv.";
const NO_CONTACTS = "No service contact has arrived yet. They come in CustomerServiceInteractions.csv or from the API.";

function rowsOf({ columns, rows }) {
  return rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));
}

const sum = (rows, name) => rows.reduce((total, row) => total + Number(row[name] ?? 0), 0);
const share = (part, all) => (Number(all) ? percent((100 * Number(part)) / Number(all)) : NOTHING);
const capital = (words) => words[0].toUpperCase() + words.slice(1).replaceAll("_", " ");

const averageOf = (dimension, member, of) => ofMart("average_order_value", { dimension, member, channel: of });
/* The cells of purchases, revenue and average of a row of average_order_value. */
const averageCells = (row, name, from) => [["total_orders", number, "purchases"], ["total_amount", money, "revenue"], ["average_order_value", money, "average order value"]]
  .map(([field, write, title]) => traced(write(row[field]), `${name}, ${title}`, from(field)));

function overview(tables) {
  const channels = rowsOf(tables.channels);
  const of = (member) => channels.find((row) => row.member === member);
  const all = of("all");
  const customers = sum(rowsOf(tables.segments), "customers");
  const buyers = customers - Number(rowsOf(tables.segments).find((row) => row.segment === "No Purchases")?.customers ?? 0);
  const { contacts, resolved } = rowsOf(tables.service)[0];
  const parts = [figures([
    ["Total revenue", money(all?.total_amount ?? "0"), plural(all?.total_orders ?? 0, "purchase"), { mart: "total_revenue" }],
    ["Average order value", money(all?.average_order_value ?? null), "revenue per purchase", averageOf("all", "all", "all")("average_order_value")],
    ["Online share", share(of("online")?.total_amount ?? 0, all?.total_amount ?? 0), money(of("online")?.total_amount ?? "0"), { mart: "online_share" }],
    ["Customers", number(customers), `${number(buyers)} with a purchase`, { mart: "customers" }],
    ["Resolution rate", share(resolved ?? 0, contacts ?? 0), plural(contacts ?? 0, "contact"), { mart: "resolution_rate" }],
  ]), hint(tables)];

  const months = rowsOf(tables.months);
  const names = [...new Set(months.map((row) => `${MONTHS[row.month - 1]} ${row.year}`))];
  const best = months.reduce((all, row) => all.set(`${MONTHS[row.month - 1]} ${row.year}`, (all.get(`${MONTHS[row.month - 1]} ${row.year}`) ?? 0) + Number(row.revenue)), new Map());
  const [bestMonth] = [...best].sort((one, other) => other[1] - one[1])[0] ?? [];
  const series = ["online", "in_store"].filter((name) => months.some((row) => row.channel === name));
  const panels = [panel("overview", {
    title: "Revenue by month", wide: true, empty: months.length ? null : NO_PURCHASES,
    note: [tables.months.cut ? `The ${names.length} newest months with purchases.` : "",
      rowsOf(tables.notes).some((row) => row.note === "implausible times") ? "Purchases at times that cannot be true are left out." : ""].join(" ").trim(),
    alt: `Bar chart of revenue by month and channel, ${names[0]} to ${names.at(-1)}; the highest month is ${bestMonth}.`,
    draw: (narrow) => ({
      traces: series.map((name) => {
        const rows = months.filter((row) => row.channel === name);
        return {
          type: "bar", name: CHANNELS[name], marker: { color: COLOURS[name] },
          x: rows.map((row) => `${MONTHS[row.month - 1]} ${row.year}`), y: rows.map((row) => Number(row.revenue)),
          text: rows.map((row) => `${money(row.revenue)} in ${plural(row.purchases, "purchase")}`),
          textposition: "none", hovertemplate: `%{x}, ${CHANNELS[name]}<br>%{text}<extra></extra>`,
        };
      }),
      layout: {
        height: 320, barmode: "relative", showlegend: true,
        xaxis: { type: "category", categoryorder: "array", categoryarray: names, nticks: narrow ? 5 : 14, showgrid: false },
        yaxis: { tickformat: "~s" },
      },
    }),
    table: tableOf("Revenue by month and channel", [column("Month"), column("Channel"), numbers("Purchases"), numbers("Revenue")],
      months.map((row) => {
        const [name, where] = [`${MONTHS[row.month - 1]} ${row.year}`, { month: `${row.year}-${row.month}` }];
        const [orders, revenue] = row.channel === "online" ? ["orders_online", "online_revenue"] : ["orders_in_store", "in_store_revenue"];
        return [name, channel(row.channel), traced(number(row.purchases), `${name}, purchases`, { mart: orders, where }), traced(money(row.revenue), `${name}, revenue`, { mart: revenue, where })];
      })),
  }), panel("overview", {
    title: "Average order value by channel", wide: true, empty: channels.length ? null : NO_PURCHASES,
    table: tableOf("Average order value by channel", [column("Channel"), numbers("Purchases"), numbers("Revenue"), numbers("Average")],
      channels.map((row) => [channel(row.member), ...averageCells(row, channel(row.member), averageOf(row.member === "all" ? "all" : "channel", row.member, row.member))])),
  })];

  const members = rowsOf(tables.members);
  for (const [dimension, title, plural, empty, colour] of [
    ["category", "Product categories with the highest revenue (online)", "categories", NO_ORDERS, COLOURS.online],
    ["location", "Store locations with the highest revenue", "locations", NO_VISITS, COLOURS.in_store],
    ["product", "Products with the highest revenue (online)", "products", NO_ORDERS, COLOURS.online],
  ]) {
    const rows = members.filter((row) => row.dimension === dimension);
    panels.push(panel("overview", {
      title, empty: rows.length ? null : empty,
      note: Number(rows[0]?.members) > rows.length ? `${rows.length} of ${number(rows[0].members)} ${plural}.` : null,
      alt: `Bar chart; the highest is ${rows[0]?.member} with ${money(rows[0]?.total_amount ?? null)}.`,
      draw: bars(rows, { value: (row) => row.total_amount, shown: (row) => money(row.total_amount), name: (row) => row.member, colour }),
      table: tableOf(title, [column("Name"), numbers("Purchases"), numbers("Revenue"), numbers("Average order value")],
        rows.map((row) => [row.member, ...averageCells(row, row.member, averageOf(dimension, row.member, dimension === "location" ? "in_store" : "online"))])),
    }));
  }
  at("overview").append(...parts.filter(Boolean), make("div", { class: "panels" }, panels));
}

function customers(tables, best) {
  const segments = rowsOf(tables.segments);
  const tiers = rowsOf(tables.tiers).map((row) => ({ ...row, tier: row.tier_level ?? "", tier_level: row.tier_level ?? "No tier" }));
  const total = sum(segments, "customers");
  const spend = sum(segments, "spend");
  const high = segments.find((row) => row.segment === "High-Value Customer");
  const [persons] = rowsOf(tables.persons); // none in a page without personal data
  const parts = persons && total ? [figures([
    ["Customers", number(total), null, { mart: "customers" }],
    ["Persons", number(persons.persons), "who is who is found out by matching", ofMart("person_360")("count")],
    ["Persons with several records", number(persons.several), `${plural(persons.several_customers, "customer")}, who spent ${money(persons.several_spend)}`],
  ])] : [];
  if (high && spend > 0) {
    parts.push(make("p", {}, `${plural(high.customers, "high-value customer")} of ${number(total)} `
      + `${Number(high.customers) === 1 ? "brings" : "bring"} ${percent((100 * Number(high.spend)) / spend)} of what known customers spend.`));
  }
  const chart = (rows, key, value, shown) => bars(rows, { value: (row) => row[value], shown, name: (row) => row[key] });
  const groups = (title, key, rows, note) => [
    panel("customers", {
      title: `Customers per ${title}`, note, empty: total ? null : NO_CUSTOMERS,
      alt: `Bar chart of customers per ${title}: ${rows.map((row) => `${row[key]} ${number(row.customers)}`).join(", ")}.`,
      draw: chart(rows, key, "customers", (row) => number(row.customers)),
      table: tableOf(`Customers and spend per ${title}`, [column(title[0].toUpperCase() + title.slice(1)), numbers("Customers"), numbers("Spend")],
        rows.map((row) => {
          const from = ofMart("customer_segments", { [key]: row.tier ?? row[key] });
          return [row[key], traced(number(row.customers), `${row[key]}, customers`, from("count")), traced(money(row.spend), `${row[key]}, spend`, from("total_spend"))];
        })),
    }),
    panel("customers", {
      title: `Spend per ${title}`, empty: total ? null : NO_CUSTOMERS,
      alt: `Bar chart of spend per ${title}: ${rows.map((row) => `${row[key]} ${money(row.spend)}`).join(", ")}.`,
      draw: chart(rows, key, "spend", (row) => money(row.spend)),
    }),
  ];
  const named = best.some((row) => row.customer_name);
  const table = tableOf("Best customers, highest spend first",
    [column("Customer"), ...(named ? [column("Name")] : []), numbers("Spend"), numbers("Purchases"), column("Tier"), column("Segment")],
    best.map((row) => {
      const [name, from] = [`Customer ${row.customer_id}`, ofMart("customer_360", { customer_id: row.customer_id })];
      return [
        make("a", { href: linkTo(row.customer_id) }, row.customer_id), ...(named ? [text(row.customer_name)] : []),
        traced(money(row.total_spend), `${name}, spend`, from("total_spend")), traced(number(row.total_orders), `${name}, purchases`, from("total_orders")),
        text(row.tier_level), text(row.segment),
      ];
    }));
  at("customers").append(...parts, make("div", { class: "panels" },
    panel("customers", { title: "Best customers", wide: true, table, empty: best.length ? null : NO_CUSTOMERS }),
    ...groups("segment", "segment", segments), ...groups("loyalty tier", "tier_level", tiers)));
}

function duplicates(tables) {
  const pairs = rowsOf(tables.duplicates);
  const [waiting] = rowsOf(tables.persons);
  const record = (id, name, email, address) => make("div", {}, make("a", { href: linkTo(id) }, id), ` ${text(name)}`, make("small", {}, text(email)), make("small", {}, text(address)));
  at("duplicates").append(
    make("p", { class: "lead" }, "Two customers who may be one person wait here until somebody decides it. ",
      "To decide, run ", make("code", {}, "c360 identity review"), ": it shows each pair side by side, and the next run takes over what was decided."),
    figures([
      ["Pairs that wait", number(waiting?.pairs ?? 0)],
      ["Customers in them", number(waiting?.pairs_customers ?? 0), "each counted once"],
      ["Spend of these customers", money(waiting?.pairs_spend ?? "0"), "it may be of fewer persons than it seems"],
    ]),
    make("div", { class: "panels" }, panel("duplicates", {
      title: "The most likely pairs", wide: true,
      note: !pairs.length ? "No pair waits for a decision."
        : Number(waiting.pairs) > pairs.length ? `The ${pairs.length} most likely of ${number(waiting.pairs)}.` : null,
      table: pairs.length ? tableOf("The most likely pairs",
        [column("Customer"), column("Other customer"), numbers("Likely"), column("Why"), numbers("Spend of both")],
        pairs.map((row) => [record(row.customer_id, row.customer_name, row.email, row.address), record(row.other_customer_id, row.other_customer_name, row.other_email, row.other_address),
          percent(Math.min(100 * row.probability, 99.99)), text(row.reasons),
          traced(money(row.total_spend), `Customers ${row.customer_id} and ${row.other_customer_id}, spend`,
            ofMart("possible_duplicates", { customer_id: row.customer_id, other_customer_id: row.other_customer_id })("total_spend"))])) : null,
    })));
}

function peakTimes(tables) {
  const hours = rowsOf(tables.hours);
  const panels = [["online", "orders", NO_ORDERS.replace(" that counts as revenue", "")], ["in_store", "purchases", NO_VISITS]].map(([name, things, empty]) => {
    const rows = hours.filter((row) => row.channel === name); // busiest first
    const found = new Map(rows.map((row) => [`${row.day_of_week_number} ${row.hour_of_day}`, row]));
    const cell = (dayNumber, hourNumber) => found.get(`${dayNumber + 1} ${hourNumber}`);
    const clock = Array.from({ length: 24 }, (_, index) => index);
    const [top] = rows;
    const sentence = top
      ? `Busiest: ${top.day_of_week} from ${hour(top.hour_of_day)} with ${number(top.total_transactions)} ${things}, ${percent(100 * Number(top.transaction_share))} of the channel.`
      : null;
    const describe = (row, dayNumber, hourNumber) => `${DAYS[dayNumber]}, ${hour(hourNumber)}<br>`
      + (row ? `${number(row.total_transactions)} ${things}, ${money(row.total_amount)}` : `no ${things}`);
    return panel("peak-times", {
      title: name === "online" ? "Online" : "In stores", wide: true, note: sentence, empty: rows.length ? null : empty,
      alt: `Heat map of ${things} by weekday and hour. ${sentence}`,
      draw: (narrow) => {
        const days = DAYS.map((_, index) => index);
        const [down, across] = narrow ? [clock, days] : [days, clock];
        const pick = (row, col) => (narrow ? [col, row] : [row, col]);
        const dayNames = narrow ? DAYS.map((each) => each.slice(0, 3)) : DAYS;
        const dayAxis = { tickvals: days, ticktext: dayNames, showgrid: false, zeroline: false };
        const hourAxis = { tickvals: clock.filter((each) => each % (narrow ? 2 : 3) === 0), ticktext: clock.filter((each) => each % (narrow ? 2 : 3) === 0).map(hour), showgrid: false, zeroline: false };
        return {
          traces: [{
            type: "heatmap", xgap: 2, ygap: 2, x: across, y: down, hoverinfo: "text",
            z: down.map((row) => across.map((col) => Number(cell(...pick(row, col))?.total_transactions ?? 0))),
            text: down.map((row) => across.map((col) => describe(cell(...pick(row, col)), ...pick(row, col)))),
            colorscale: [[0, "#eef3f7"], [0.25, "#b5d3e7"], [0.5, "#6aa9d0"], [0.75, "#1f78b4"], [1, "#08306b"]],
            colorbar: narrow ? { orientation: "h", thickness: 10, y: -0.08, yanchor: "top", title: { text: things } } : { thickness: 12, title: { text: things } },
          }],
          layout: {
            height: narrow ? 620 : 330, xaxis: narrow ? { ...dayAxis, side: "top" } : hourAxis,
            yaxis: { ...(narrow ? hourAxis : dayAxis), autorange: "reversed" },
          },
        };
      },
      table: tableOf(`${channel(name)}: transactions by weekday and hour, busiest first`,
        [numbers("Rank"), column("Day"), column("From"), numbers("Transactions"), numbers("Share"), numbers("Amount")],
        rows.map((row) => {
          const from = ofMart("peak_transaction_times", { channel: name, day_of_week_number: row.day_of_week_number, hour_of_day: row.hour_of_day });
          const cell = (shown, what, field) => traced(shown, `${row.day_of_week} from ${hour(row.hour_of_day)}, ${what}`, from(field));
          return [cell(number(row.peak_rank), "rank", "peak_rank"), row.day_of_week, hour(row.hour_of_day), cell(number(row.total_transactions), things, "total_transactions"),
            cell(percent(100 * Number(row.transaction_share)), "share", "transaction_share"), cell(money(row.total_amount), "amount", "total_amount")];
        })),
    });
  });
  at("peak-times").append(make("p", { class: "note" }, "Orders and purchases of every status, each once, by the clock of the business. Times that cannot be true are left out."),
    make("div", { class: "panels" }, panels));
}

const serviceCells = (row, name, from) => [["total_interactions", number, "contacts"], ["resolved_interactions", number, "resolved"], ["resolution_rate", percent, "resolution rate"]]
  .map(([field, write, title]) => traced(write(row[field]), `${name}, ${title}`, from(field)));

function service(tables) {
  const agents = rowsOf(tables.agents).map((row) => ({ ...row, agent_name: row.agent_name ?? `Agent ${row.agent_id}` }));
  const issues = rowsOf(tables.issues);
  const { contacts, resolved } = rowsOf(tables.service)[0];
  const busy = agents.filter((row) => Number(row.total_interactions) > 0 && row.agent_id !== "-1").slice(0, CHART_AGENTS)
    .sort((one, other) => Number(other.resolution_rate) - Number(one.resolution_rate) || Number(other.total_interactions) - Number(one.total_interactions));
  const all = Number(agents[0]?.agents ?? 0);
  at("service").append(figures([
    ["Contacts", number(contacts ?? 0), null, { mart: "contacts" }],
    ["Resolved contacts", number(resolved ?? 0), Number(contacts) ? share(resolved, contacts) : null, { mart: "resolved_contacts" }],
    ["Unresolved contacts", number(Number(contacts ?? 0) - Number(resolved ?? 0)), null, { mart: "unresolved_contacts" }],
  ]), make("div", { class: "panels" },
    panel("service", {
      title: "Resolution rate by agent", wide: true, empty: busy.length ? null : NO_CONTACTS,
      note: all > busy.length ? `The ${busy.length} agents with the most contacts, best rate first.` : "Best rate first.",
      alt: `Bar chart of the percentage of contacts resolved; the best is ${busy[0]?.agent_name} with ${percent(busy[0]?.resolution_rate ?? null)}.`,
      draw: bars(busy, {
        value: (row) => row.resolution_rate, range: [0, 100], name: (row) => row.agent_name,
        shown: (row, narrow) => percent(row.resolution_rate) + (narrow ? "" : ` of ${number(row.total_interactions)}`),
      }),
      table: tableOf(all > agents.length ? `The ${agents.length} of ${number(all)} agents with the most contacts` : "All agents, most contacts first",
        [column("Agent"), column("Name"), column("Department"), column("Shift"), numbers("Contacts"), numbers("Resolved"), numbers("Rate")],
        agents.map((row) => [row.agent_id, row.agent_name, text(row.department), text(row.shift), ...serviceCells(row, `Agent ${row.agent_id}`, ofMart("agent_performance", { agent_id: row.agent_id }))])),
    }),
    panel("service", {
      title: "Contacts by type of issue", empty: issues.length ? null : NO_CONTACTS,
      alt: `Bar chart of contacts by type of issue; the most are about ${issues[0]?.issue_type} (${number(issues[0]?.total_interactions ?? null)}).`,
      draw: bars(issues.slice(0, 15), { value: (row) => row.total_interactions, shown: (row) => number(row.total_interactions), name: (row) => row.issue_type }),
      table: tableOf("Contacts by type of issue", [column("Issue"), numbers("Contacts"), numbers("Resolved"), numbers("Rate")],
        issues.map((row) => [row.issue_type, ...serviceCells(row, row.issue_type, ofMart("service_by_issue_type", { issue_type: row.issue_type }))])),
    }),
    panel("service", {
      title: "Resolution rate by type of issue", empty: issues.length ? null : NO_CONTACTS,
      alt: `Bar chart of the percentage resolved by type of issue: ${issues.slice(0, 15).map((row) => `${row.issue_type} ${percent(row.resolution_rate)}`).join(", ")}.`,
      draw: bars(issues.slice(0, 15), { value: (row) => row.resolution_rate, range: [0, 100], shown: (row) => percent(row.resolution_rate), name: (row) => row.issue_type }),
    })));
}

// ---- can the numbers be trusted? -------------------------------------------------------------

const NOBODY = ["unknown customers", "unknown products", "unknown stores", "unknown agents", "unknown accounts"];
const SET_ASIDE = ["rejected rows", "superseded rows"];
const ABSENT = "absent entity";
const REASONS = {
  malformed_line: "no row can be made of the line", invalid_key: "no usable key", invalid_datetime: "no readable time",
  invalid_amount: "no readable amount", newer: "a newer row of the same key counts", identical: "it says the same as another row",
  gone: "the newest full list does not have its key",
};

/* The notes to know about: that a newer row takes the place of an older one is what is meant to be. */
const worthKnowing = (tables) => rowsOf(tables.notes).filter((row) => row.note !== "superseded rows");

/* Where the documentation says what a note means and what to do about it. */
const explained = (note, ...words) => make("a", { href: `../docs/index.html#!/overview/data_notes#${note.replaceAll(" ", "-")}` }, ...words);

/* One sentence for the first page, with the notes that are there; nothing when there are none. */
function hint(tables) {
  const notes = worthKnowing(tables);
  if (!notes.length) return null;
  const kinds = [...new Set(notes.map((row) => row.note))].map((note) => {
    const rows = notes.filter((row) => row.note === note);
    const amount = rows.some((row) => row.amount !== null) ? `, ${money(sum(rows, "amount"))}` : "";
    return note === ABSENT ? `nothing arrived of ${rows.map((row) => text(row.entity).replaceAll("_", " ")).join(", ")}` : `${note} (${plural(sum(rows, "rows"), "row")}${amount})`;
  });
  return make("p", { class: "hint" }, `Good to know: ${kinds.join("; ")}. `, make("a", { href: "#trust" }, "Can the numbers be trusted?"));
}

function trust(tables) {
  const rows = rowsOf(tables.rows);
  const notes = rowsOf(tables.notes);
  const revenue = rowsOf(tables.channels).find((row) => row.member === "all")?.total_amount ?? "0";
  const arrived = sum(rows, "bronze_rows");
  const absent = notes.filter((row) => row.note === ABSENT).map((row) => row.entity);
  const of = (kinds) => notes.filter((row) => kinds.includes(row.note));
  const unclear = notes.filter((row) => ![...NOBODY, ...SET_ASIDE, ABSENT].includes(row.note));
  const verdict = !arrived ? "No row has arrived yet."
    : worthKnowing(tables).some((row) => row.note !== ABSENT) ? "Every row that arrived is accounted for: it is in the answers, or set aside for a reason that stands below. Some of it is good to know before you decide by these numbers; each note links to what it means and what to do about it."
      : "Yes. Every row that arrived is accounted for, none was rejected, each belongs to somebody, and all values were understood."
        + (absent.length ? " What did not arrive, though, no answer can have." : "");
  const from = (row, column) => ofMart("data_notes", { note: row.note, ...(row.in ? {} : { entity: row.entity }), detail: row.detail })(column);
  const count = (row) => traced(number(row.rows), `${capital(row.note)}, rows`, from(row, "rows"));
  const amounts = (row) => [count(row), row.amount === null ? NOTHING
    : make("span", {}, traced(money(row.amount), `${capital(row.note)}, revenue`, from(row, "amount")), " ", make("small", {}, `${share(row.amount, revenue)} of all`))];
  const notesOf = (value, note, where) => (Number(value) ? ofMart("data_notes", { note, ...where })("rows") : null);
  const setAsideOf = ({ entity, ...row }, name, note) => traced(number(row[name]), `${capital(entity)}, ${note}`, notesOf(row[name], note, { entity }));
  const listed = (title, found, note, fine, headings, cells) => panel("trust", {
    title, wide: true, note: found.length ? note : fine,
    table: found.length ? tableOf(title, [column("Note"), ...headings], found.map((row) => [
      make("span", {}, explained(row.note, capital(row.note)), ...(row.in ? [] : [" ", make("small", {}, capital(row.entity))])), ...cells(row)])) : null,
  });
  const reasons = new Map(); // of what was set aside, each once with all entities, most rows first
  for (const row of of(SET_ASIDE)) {
    const key = `${row.note} ${row.detail}`;
    reasons.set(key, [...(reasons.get(key) ?? []), row]);
  }
  const setAside = [...reasons.values()].map((found) => ({ ...found[0], rows: sum(found, "rows"), in: found.map((row) => `${capital(row.entity)} ${number(row.rows)}`).join(", ") }));
  at("trust").append(make("p", { class: "verdict" }, verdict), figures([
    ["Rows that arrived", number(arrived)],
    ["Used", number(sum(rows, "silver_rows")), share(sum(rows, "silver_rows"), arrived)],
    ["Rejected", number(sum(rows, "rejected_rows")), share(sum(rows, "rejected_rows"), arrived), notesOf(sum(rows, "rejected_rows"), "rejected rows")],
    ["Superseded", number(sum(rows, "superseded_rows")), share(sum(rows, "superseded_rows"), arrived), notesOf(sum(rows, "superseded_rows"), "superseded rows")],
  ]), make("div", { class: "panels" },
    panel("trust", {
      title: "What arrived", wide: true,
      table: tableOf("What arrived", [column("What"), numbers("Arrived"), numbers("Used"), numbers("Rejected"), numbers("Superseded")],
        rows.map((row) => [capital(row.entity), ...(absent.includes(row.entity) ? [explained(ABSENT, "nothing"), NOTHING, NOTHING, NOTHING]
          : [number(row.bronze_rows), number(row.silver_rows), setAsideOf(row, "rejected_rows", "rejected rows"), setAsideOf(row, "superseded_rows", "superseded rows")])])),
    }),
    listed("What was set aside, and why", setAside, "Nothing of it is lost: it is kept with the reason.", "Nothing was set aside.",
      [column("Why"), column("In"), numbers("Rows")], (row) => [REASONS[row.detail] ?? text(row.detail), row.in, count(row)]),
    listed("What belongs to nobody", of(NOBODY), "It counts in all totals, under Unknown.", "Everything belongs to somebody: each customer, product, store, agent and account that is named is there.",
      [numbers("Rows"), numbers("Revenue")], amounts),
    listed("What was not understood", unclear, "It is kept as it came; what that does to the answers stands behind each link.", "Every value was understood.",
      [column("Which"), numbers("Rows"), numbers("Revenue")], (row) => [text(row.detail), ...amounts(row)])));
}

// ---- the customer finder --------------------------------------------------------------------

const PLAIN = { ł: "l", ø: "o", đ: "d", ð: "d", þ: "th", ß: "ss", æ: "ae", œ: "oe", ı: "i" };

/* The letters that a name is looked up by: no case, no accents; as warehouse/customer_search.py. */
function fold(value) {
  return value.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replace(/[łøđðþßæœı]/g, (letter) => PLAIN[letter]);
}

/* Looks among the customers that are in the page, who come most valuable first. */
function finderInPage({ columns, rows, events, persons }) {
  const all = rowsOf({ columns, rows });
  const several = new Map(rowsOf(persons).map((row) => [row.person_id, row]));
  const keys = all.map((row) => fold(`${row.customer_name ?? ""} ${row.email ?? ""}`));
  const ids = all.map((row) => fold(row.customer_id));
  return {
    onServer: false,
    async find(wanted, limit) {
      const words = fold(wanted).split(/\s+/).filter(Boolean);
      const typed = words.join(" "); // an id may have blanks in it
      const matches = all.filter((_, index) => ids[index].startsWith(typed)
        || words.every((word) => keys[index].includes(word) || ids[index].startsWith(word)));
      const exact = (row) => fold(row.customer_id) === typed || fold(row.email ?? "") === typed;
      matches.sort((one, other) => exact(other) - exact(one));
      return { total: matches.length, matches: matches.slice(0, limit) };
    },
    async get(id) {
      const profile = all.find((row) => row.customer_id === id);
      if (!profile) return null;
      const person = several.get(profile.person_id) ?? null;
      const records = person && all.filter((row) => row.person_id === profile.person_id);
      return { profile, events: events[id] ?? { count: 0, rows: [] }, person, records };
    },
  };
}

/* Asks the server that the page came from. */
function finderOnServer() {
  async function ask(path) {
    const answer = await fetch(path);
    if (answer.status === 404 || answer.status === 422) return null; // 422: it cannot be an id
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `The server answered ${answer.status}.`);
    return answer.json();
  }
  return {
    onServer: true,
    async find(wanted, limit) {
      const found = await ask(`api/customers?${new URLSearchParams({ q: wanted, limit })}`);
      return { total: found.total, matches: rowsOf(found) };
    },
    async get(id) {
      const found = await ask(`api/customer?${new URLSearchParams({ id })}`);
      const { person } = found ?? {};
      return found && { profile: rowsOf(found)[0], events: found.events, person: person && rowsOf(person)[0], records: person && rowsOf(person.records) };
    },
    async more(id, offset) { return (await ask(`api/customer/events?${new URLSearchParams({ id, offset })}`)).rows; },
  };
}

/* The numbers of a customer that can be followed to the files. */
const FOLLOWED = new Set(["recency_days", "refunds", "refunded_amount", "recency_score", "frequency_score", "monetary_score",
  "loyalty_accounts", "points_balance", "interactions", "unresolved_interactions", "resolution_rate", "total_orders", "total_spend", "average_order_value"]);
const ofCustomer = (profile, field) => (FOLLOWED.has(field) ? ofMart("customer_360", { customer_id: profile.customer_id })(field) : null);

function facts(title, entries, profile) {
  return make("div", {}, make("h3", {}, title), make("dl", { class: "facts" }, entries.map(([name, field, write = text]) =>
    make("div", {}, make("dt", {}, name), make("dd", { "data-field": field }, traced(write(profile[field]), `${title}, ${name}`, ofCustomer(profile, field)))))));
}

const quintile = (value) => (value === null ? NOTHING : `${value} of 5`);
const days = (value) => (value === null ? NOTHING : plural(value, "day"));

/* What a customer's records are together; nothing where the customer is all of the person. */
function personOf({ profile, person, records }) {
  if (!person) return null;
  const own = profile.customer_id;
  const compare = [["Purchases", "total_orders", number], ["Spend", "total_spend", money], ["Average order value", "average_order_value", money],
    ["Refunded amount", "refunded_amount", money], ["First purchase", "first_purchase_at", time], ["Last purchase", "last_purchase_at", time],
    ["Segment", "segment", text], ["Tier", "tier_level", text], ["Points balance", "points_balance", number],
    ["Contacts", "interactions", number], ["Not resolved", "unresolved_interactions", number]];
  const field = (name, write) => make("span", { "data-person": name }, write(person[name]));
  return make("section", { id: "person", "aria-labelledby": "person-title" },
    make("h3", { id: "person-title" }, "One person with ", field("customer_records", number), " records"),
    make("p", { class: "note" }, "Person ", field("person_id", text), ", best known as ", field("customer_name", text), ", ", field("email", text), ", ", field("address", text), "."),
    tableOf("The records of this person", [column("Customer"), column("Name"), column("E-mail"), column("Address"), numbers("Purchases"), numbers("Spend")],
      records.map((row) => [row.customer_id === own ? `${own} (this one)` : make("a", { href: linkTo(row.customer_id) }, row.customer_id),
        text(row.customer_name), text(row.email), text(row.address),
        traced(number(row.total_orders), `Customer ${row.customer_id}, purchases`, ofCustomer(row, "total_orders")),
        traced(money(row.total_spend), `Customer ${row.customer_id}, spend`, ofCustomer(row, "total_spend"))])),
    tableOf("This customer beside the whole person", [column("What"), numbers(`Customer ${own}`), numbers("All records")],
      compare.map(([name, column, write]) => [name, traced(write(profile[column]), `Customer ${own}, ${name}`, ofCustomer(profile, column)),
        traced(field(column, write), `Person ${person.person_id}, ${name}`, FOLLOWED.has(column) && person[column] !== null ? ofMart("person_360", { person_id: person.person_id })(column) : null)])));
}

/* Says in a list of customers whom one of them is one person with. */
function siblingsOf({ customer_id: own, person_customer_ids: all }) {
  const others = (all ?? own).split(", ").filter((id) => id !== own);
  return others.length ? make("span", {}, `one person with ${others.join(", ")}`) : null;
}

function card(found, personalData) {
  const { profile } = found;
  const field = (name, write) => make("span", { "data-field": name }, write(profile[name]));
  const bought = Number(profile.total_orders) > 0;
  const spends = [["online", "online"], ["in_store", "in_store"], ["total", "all"]].map(([prefix, name]) => {
    const average = prefix === "total" ? "average_order_value" : `${prefix}_average_order_value`;
    const cell = (column, write, what) => traced(field(column, write), `${channel(name)}, ${what}`,
      profile[column] === null ? null : ofMart("customer_360", { customer_id: profile.customer_id })(column));
    return [channel(name), cell(`${prefix}_orders`, number, "purchases"), cell(`${prefix}_spend`, money, "spend"), cell(average, money, "average order value")];
  });
  return [
    make("h2", { id: "card-name", tabindex: "-1", "data-field": personalData ? "customer_name" : null }, personalData ? text(profile.customer_name) : `Customer ${profile.customer_id}`),
    make("p", {}, make("span", { class: "badge" }, "Customer ", make("span", { "data-field": "customer_id" }, profile.customer_id)),
      make("span", { class: "badge", "data-field": "segment" }, text(profile.segment)),
      profile.tier_level ? make("span", { class: "badge" }, `${profile.tier_level} tier`) : null),
    ...(bought ? [] : [make("p", { class: "empty" }, "This customer has not bought anything yet that counts as revenue.")]),
    personOf(found) ?? "",
    make("div", { class: "blocks" }, make("div", { class: "wide" }, make("h3", {}, "Spend by channel"),
        tableOf("Purchases, spend and average order value", [column("Channel"), numbers("Purchases"), numbers("Spend"), numbers("Average")], spends)),
      personalData ? facts("Contact", [["E-mail", "email"], ["Address", "address"], ["Person", "person_id"], ["Customers of this person", "person_customer_ids"]], profile) : null,
      facts("Purchases", [["First", "first_purchase_at", time], ["Last", "last_purchase_at", time], ["Days before the newest data", "recency_days", days],
        ["Refunds", "refunds", number], ["Refunded amount", "refunded_amount", money],
        ["Recency", "recency_score", quintile], ["Frequency", "frequency_score", quintile], ["Monetary", "monetary_score", quintile]], profile),
      facts("Prefers", [["Channel", "preferred_channel", channel], ["Category", "preferred_category"], ["Store", "preferred_store"], ["Payment", "preferred_payment_method"]], profile),
      facts("Loyalty", [["Tier", "tier_level"], ["Accounts", "loyalty_accounts", number], ["Points balance", "points_balance", number]], profile),
      facts("Service", [["Contacts", "interactions", number], ["Not resolved", "unresolved_interactions", number], ["Resolution rate", "resolution_rate", percent], ["Last contact", "last_contact_at", time]], profile),
      facts("Last touch", [["When", "last_touch_at", time], ["What", "last_touchpoint"]], profile)),
  ];
}

function timeline(id, events, finder) {
  const part = make("div", { id: "timeline" }, make("h3", {}, "Timeline"));
  const total = Number(events.count);
  if (!total) {
    part.append(make("p", { class: "empty" }, "No order, store visit, service contact or loyalty change of this customer is known."));
    return part;
  }
  const known = [...events.rows];
  // The roles are spelled out because a phone lays the rows out as blocks, which would lose them.
  const cell = (value, kind) => make("td", { role: "cell", class: kind }, value);
  const row = ([occurredAt, touchpoint, event, reference, amount, detail]) => make("tr", { role: "row" },
    make("th", { scope: "row", role: "rowheader", class: "time" }, time(occurredAt)), cell(text(touchpoint), "what"), cell(text(event), "outcome"),
    cell(text(detail), "detail"), cell(amount === null ? "" : traced(money(amount), `${capital(touchpoint)} ${reference}, amount`,
      ofMart("customer_timeline", { customer_id: id, touchpoint, reference_id: reference })("amount")), "number amount"), cell(text(reference), "number reference"));
  const table = tableOf("Newest first",
    [column("When"), column("What"), column("Outcome"), column("Detail"), numbers("Amount"), numbers("Reference")], []);
  table.querySelector("caption").className = "unseen";
  const body = table.querySelector("tbody");
  const count = make("p", { class: "note", role: "status" });
  const more = make("button", { type: "button" }, "Show more");
  async function show() {
    const shown = body.childElementCount;
    if (finder.onServer && shown + EVENTS_SHOWN > known.length && known.length < total) known.push(...await finder.more(id, known.length));
    body.append(...known.slice(shown, shown + EVENTS_SHOWN).map(row));
    const now = body.childElementCount;
    more.hidden = now >= (finder.onServer ? total : known.length);
    count.textContent = now >= total ? plural(total, "event")
      : `The newest ${number(now)} of ${number(total)} events.`
        + (more.hidden ? " The page carries no more of them; c360 report --serve shows all." : "");
  }
  more.addEventListener("click", show);
  part.append(count, table, more);
  show();
  return part;
}

function openFinder(finder, { personal_data: personalData, customers: kept, tables }) {
  const input = at("who");
  const total = sum(rowsOf(tables.segments), "customers");
  const partly = kept !== null && total > kept.rows.length;
  const siblings = partly && kept.rows.length > kept.most_valuable;
  if (!personalData) at("finder").querySelector("label").textContent = "Customer id (this report is without personal data)";
  at("kept").textContent = !total ? NO_CUSTOMERS
    : partly ? `This page knows the ${number(kept.most_valuable)} most valuable of ${number(total)} customers${siblings ? ", and who is one person with them" : ""}; c360 report --serve finds all of them.` : "";
  let latest = 0;

  async function search() {
    const wanted = input.value.trim();
    const turn = ++latest;
    if (!wanted) { at("matches").replaceChildren(); at("found").textContent = ""; return; }
    let found;
    try { found = await finder.find(wanted, MATCHES_SHOWN); } catch (error) { at("found").textContent = error.message; return; }
    if (turn !== latest) return; // another letter was typed meanwhile
    at("found").textContent = !found.total
      ? `No customer ${partly ? "in this page " : ""}has a name, e-mail address or id like “${wanted}”.`
      : found.total > found.matches.length ? `${number(found.total)} customers; the ${found.matches.length} most valuable of them:` : plural(found.total, "customer");
    if (!personalData && !found.total) at("found").textContent = `No customer ${partly ? "in this page " : ""}has an id that begins with “${wanted}”.`;
    at("matches").replaceChildren(...found.matches.map((row) => make("li", {}, make("a", { href: linkTo(row.customer_id) },
      make("strong", {}, personalData ? text(row.customer_name) : `Customer ${row.customer_id}`),
      personalData ? make("span", {}, text(row.email)) : null, personalData ? make("span", {}, row.customer_id) : null,
      make("span", {}, `${text(row.segment)}, ${money(row.total_spend)}`), siblingsOf(row)))));
  }

  async function open(id) {
    const place = at("card");
    let found;
    try { found = await finder.get(id); } catch (error) { at("found").textContent = error.message; return; }
    place.hidden = !found;
    if (!found) {
      at("found").textContent = `No customer ${partly ? "in this page " : ""}has the id ${id}.`;
      return;
    }
    place.replaceChildren(...card(found, personalData), timeline(id, found.events, finder));
    at("matches").replaceChildren();
    at("found").textContent = "";
    at("card-name").focus();
  }

  let pause;
  input.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(search, 150); });
  at("finder").addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(pause);
    await search();
    const matches = at("matches").querySelectorAll("a");
    if (matches.length === 1) location.hash = matches[0].hash;
    else matches[0]?.focus();
  });
  return { open, clear() { at("card").hidden = true; } };
}

// ---- start ----------------------------------------------------------------------------------

/* A part of the address as text; what cannot be decoded, such as a lone %, stays as it is. */
function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function footer({ version, tables }) {
  const rows = rowsOf(tables.rows);
  at("footer").append(make("p", {}, `Version ${version}, made of ${plural(sum(rows, "bronze_rows"), "row")} that arrived; ${number(sum(rows, "rejected_rows"))} could not be used, `
    + `${number(sum(rows, "superseded_rows"))} gave way to others. Amounts are in the reporting currency. `,
    make("a", { href: "../docs/index.html#!/overview/glossary" }, "What every number means"), "."));
}

async function start() {
  if (typeof DecompressionStream === "undefined") throw new Error("This browser is too old for this page; take one of 2023 or later.");
  const data = await unpack(at("data").textContent);
  served = !data.customers;
  const finder = served ? finderOnServer() : finderInPage(data.customers);
  const sections = [...document.querySelectorAll("main > section")];
  for (const section of sections) undrawn.set(section.id, []);
  const drawn = [];
  overview(data.tables);
  customers(data.tables, (await finder.find("", BEST_CUSTOMERS)).matches);
  if (data.personal_data) duplicates(data.tables);
  peakTimes(data.tables);
  service(data.tables);
  trust(data.tables);
  footer(data);
  const customer = openFinder(finder, data);

  function show(byUser) {
    const [name, ...rest] = location.hash.slice(1).split("/");
    const id = decoded(rest.join("/"));
    const shown = sections.find((section) => section.id === name) ?? sections[0];
    for (const section of sections) section.hidden = section !== shown;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === `#${shown.id}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    }
    document.title = `${shown.querySelector("h1").textContent} – Customer 360`;
    for (const chart of undrawn.get(shown.id).splice(0)) { plot(chart); drawn.push(chart); }
    if (byUser) { scrollTo(0, 0); shown.querySelector("h1").focus(); }
    if (shown.id === "customer") { if (id) customer.open(id); else { customer.clear(); if (byUser) at("who").focus(); } }
  }

  let width = window.innerWidth;
  addEventListener("hashchange", () => show(true));
  addEventListener("resize", () => {
    // Plotly fits the width by itself; a chart that looks otherwise on a phone is drawn again.
    if ((width < NARROW) !== (window.innerWidth < NARROW)) drawn.forEach(plot);
    width = window.innerWidth;
  });
  at("notice").hidden = true;
  show(false);
}

start().catch((error) => { at("notice").hidden = false; at("notice").className = "empty"; at("notice").textContent = error.message; });
