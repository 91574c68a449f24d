/**
 * The dashboard: one page that contains its style and script, so that it works without a network. It shows counts and
 * states, never record content. Values from the service are inserted as text, never as markup.
 */
const STYLE = `
:root { color-scheme: light dark; --bg: #f5f6f8; --card: #fff; --ink: #1b2330; --soft: #667085; --line: #d7dce4; --ok: #12805c; --bad: #c4320a; --accent: #2f6fde; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #10141b; --card: #181e28; --ink: #e8ecf3; --soft: #93a0b4; --line: #2b3442; --ok: #3ccf97; --bad: #ff8a5c; --accent: #74a5ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 40px; }
header { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: baseline; margin-bottom: 18px; }
h1 { font-size: 20px; margin: 0; }
h2 { font-size: 12px; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 28px 0 10px; font-weight: 600; }
.soft { color: var(--soft); }
.pill { border-radius: 999px; padding: 2px 10px; font-size: 12.5px; font-weight: 600; border: 1px solid currentColor; }
.ok { color: var(--ok); } .bad { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
.tile b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; font-weight: 650; }
.tile span { color: var(--soft); font-size: 13px; }
svg { display: block; width: 100%; height: 64px; margin-top: 4px; }
svg path.area { fill: var(--accent); opacity: .14; } svg path.line { fill: none; stroke: var(--accent); stroke-width: 1.6; vector-effect: non-scaling-stroke; }
.topology { display: flex; align-items: center; } .topology > .node, .stack { flex: 1 1 0; min-width: 0; }
.arrow { flex: none; width: 28px; text-align: center; color: var(--soft); font-size: 20px; }
.stack { display: grid; gap: 10px; }
.node .name { font-weight: 600; overflow-wrap: anywhere; } .node .figure { font-variant-numeric: tabular-nums; }
.node .row { display: flex; justify-content: space-between; gap: 10px; font-size: 13.5px; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 50%; background: currentColor; margin-right: 7px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
td { padding: 5px 0; border-bottom: 1px solid var(--line); } tr:last-child td { border: 0; } td:last-child { text-align: right; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
@media (max-width: 760px) { .two { grid-template-columns: 1fr; } .topology { flex-direction: column; align-items: stretch; } .arrow { align-self: center; transform: rotate(90deg); padding: 4px 0; } }
`;

const SCRIPT = `
const byId = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 });
const lagOf = ({ lag }) => (lag === null ? 'unknown' : number(lag));
const element = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};
const HISTORY = 120;
const history = [];
const SMOOTH = 3;
let recent = [];
let previous;
/** When the first answer arrived. */
let opened;

function rate(now, field) {
  if (!previous || now.at <= previous.at) return 0;
  return Math.max(0, (field(now.snapshot) - field(previous.snapshot)) / ((now.at - previous.at) / 1000));
}

function tiles(now) {
  const { records, totals, input, outputs } = now.snapshot;
  const figures = [
    ['records/s', number(rate(now, (each) => each.records.acked + each.records.deadLettered))],
    ['lag', lagOf(input)],
  ];
  const counted = Object.entries(totals);
  // Without totals, the records published to the topics show series and images.
  const published = outputs.filter((each) => each.kind === 'topic').map((each) => ['to ' + each.target, each.count]);
  for (const [name, value] of counted.length ? counted : published) figures.push([name, number(value)]);
  figures.push(['dead letters', number(records.deadLettered)]);
  byId('tiles').replaceChildren(...figures.map(([name, value]) => {
    const tile = element('div', 'card tile');
    tile.append(element('b', '', value), element('span', '', name));
    return tile;
  }));
}

function line(name, value) {
  const row = element('div', 'row');
  row.append(element('span', 'soft', name), element('span', 'figure', value));
  return row;
}

function node(each, title, kind, lines) {
  const card = element('div', 'card node');
  const head = element('div', 'name');
  head.append(element('span', 'dot ' + (each.connected ? 'ok' : 'bad')), title);
  card.append(head, element('div', 'soft', kind), ...lines);
  if (!each.connected) card.append(element('div', 'bad', each.error || 'not connected'));
  return card;
}

function topology(now) {
  const columns = [];
  let processors;
  for (const stage of now.snapshot.stages) {
    const nodes = stage.map((name) => sink(now, name)).filter(Boolean);
    if (columns.length === 0) columns.push(source(now));
    else if (nodes.length > 0) {
      columns.push(element('div', 'stack'));
      columns.at(-1).append(...nodes);
      processors = undefined;
    } else {
      // Processors that follow each other share a card.
      if (!processors) columns.push((processors = processorsCard(now, columns.length === 1)));
      processors.firstChild.append(...stage.map((name) => element('div', 'name', name)));
    }
  }
  byId('topology').replaceChildren(...columns.flatMap((column, index) => (index ? [element('div', 'arrow', '→'), column] : [column])));
}

function source(now) {
  const { input } = now.snapshot;
  return node(input, input.topics.join(', '), 'group · ' + input.group, [
    line('consumed', number(now.snapshot.records.consumed) + '  (' + number(rate(now, (each) => each.records.consumed)) + '/s)'),
    line('lag', lagOf(input)),
  ]);
}

/** The first processors have the records in flight. */
function processorsCard(now, isFirst) {
  const card = element('div', 'card node');
  card.append(element('div'));
  const { records } = now.snapshot;
  if (isFirst) card.append(line('in flight', number(records.inFlight)), line('waiting for files', number(records.waiting)),
    ...snapshotRoots(now.snapshot));
  return card;
}

/** The card of a sink; undefined for a processor. */
function sink(now, name) {
  const countOf = (snapshot) => (snapshot.outputs.find((each) => each.name === name) || { count: 0 }).count;
  const kinds = { database: 'database', topic: 'topic', dead_letter: 'dead letters' };
  const each = now.snapshot.outputs.find((output) => output.name === name);
  return each && node(each, each.label || each.target, kinds[each.kind] + ' · ' + each.target, [
    line('records', number(each.count) + '  (' + number(rate(now, countOf)) + '/s)'),
    ...(each.errors ? [line('failed writes, retried', number(each.errors))] : []),
  ]);
}

/** A line for each storage root that can't be used. */
function snapshotRoots({ storageRoots }) {
  return storageRoots.filter((root) => !root.connected).map((root) => element('div', 'bad',
    root.path.split('.').slice(-2).join('.') + ': ' + root.error + (root.since ? ' since ' + new Date(root.since).toLocaleTimeString() : '')));
}

function table(id, rows, empty) {
  const body = element('tbody');
  for (const [name, value] of rows) {
    const row = element('tr');
    row.append(element('td', '', name), element('td', '', number(value)));
    body.append(row);
  }
  if (rows.length === 0) {
    const row = element('tr');
    row.append(element('td', 'soft', empty));
    body.append(row);
  }
  byId(id).replaceChildren(body);
}

function sparkline(now) {
  // A rate needs two answers.
  if (!previous) return;
  history.push({ at: now.at, rate: rate(now, (each) => each.records.acked + each.records.deadLettered) });
  if (history.length > HISTORY) history.shift();
  const peak = Math.max(...history.map((each) => each.rate));
  const top = Math.max(1, peak);
  const points = history.map((each, index) => [(HISTORY - history.length + index) * (600 / (HISTORY - 1)), 60 - (each.rate / top) * 56]);
  const path = points.map(([x, y], index) => (index ? 'L' : 'M') + x.toFixed(1) + ' ' + y.toFixed(1)).join(' ');
  byId('line').setAttribute('d', path);
  byId('area').setAttribute('d', path + ' L600 64 L' + points[0][0].toFixed(1) + ' 64 Z');
  byId('peak').textContent = 'peak ' + number(peak) + '/s in the last ' + duration(now.at - watchedSince());
}

/** The start of the period that the chart shows. It can't be before the page was opened. */
function watchedSince() {
  return history.length < HISTORY ? opened : history[0].at;
}

function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 100 ? seconds + ' s' : Math.round(seconds / 60) + ' minutes';
}

function show(now) {
  const { snapshot } = now;
  const state = byId('state');
  state.className = 'pill ' + (snapshot.ready ? 'ok' : 'bad');
  state.textContent = snapshot.ready ? 'ready' : 'not ready';
  byId('about').textContent = 'version ' + snapshot.version + ' · up ' + number(snapshot.uptimeSeconds) + ' s';
  tiles(now); topology(now); sparkline(now);
  table('letters', Object.entries(snapshot.deadLetters), 'none');
  const { records } = snapshot;
  table('accounting', [['consumed', records.consumed], ['acked', records.acked], ['dead-lettered', records.deadLettered],
    ['released with revoked partitions', records.released], ['in flight', records.inFlight], ['waiting', records.waiting]], '');
  byId('paused').textContent = snapshot.paused ? 'consumption is paused: ' + snapshot.paused + ' is reached' : '';
  table('held', Object.entries(snapshot.held).filter(([, count]) => count > 0), 'none');
  table('partitions', snapshot.partitions.filter((each) => each.waitsFor).map((each) =>
    [each.topic + '/' + each.partition + ', offset ' + each.oldestUnacked + ', ' + each.waitsFor + ', seconds',
      Math.round(each.oldestAgeSeconds || 0)]), 'none');
}

async function poll() {
  try {
    const response = await fetch('dashboard.json', { cache: 'no-store', signal: AbortSignal.timeout(3000) });
    const now = { at: performance.now(), snapshot: await response.json() };
    opened ??= now.at;
    show(now);
    // Rates span the last few answers: with one batch per second they would jump otherwise.
    recent = [...recent, now].slice(-SMOOTH);
    previous = recent[0];
  } catch {
    const state = byId('state');
    state.className = 'pill bad';
    state.textContent = 'no answer from the service';
  }
  setTimeout(poll, 1000);
}
poll();
`;

/** The HTML of the page. */
export const DASHBOARD_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wado-consumer</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<header><h1>wado-consumer</h1><span id="state" class="pill soft">…</span><span id="about" class="soft"></span></header>
<div id="tiles" class="tiles"></div>
<h2>Records per second</h2>
<div class="card"><svg viewBox="0 0 600 64" preserveAspectRatio="none" aria-hidden="true"><path id="area" class="area"/><path id="line" class="line"/></svg><div id="peak" class="soft"></div></div>
<h2>Topology</h2>
<div id="topology" class="topology"></div>
<div class="two">
<section><h2>Dead letters by error</h2><div class="card"><table id="letters"></table></div></section>
<section><h2>Accounting</h2><div class="card"><table id="accounting"></table></div></section>
<section><h2>Held records by reason</h2><div class="card"><div id="paused" class="bad"></div><table id="held"></table></div></section>
<section><h2>Partitions whose oldest record waits</h2><div class="card"><table id="partitions"></table></div></section>
</div>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
