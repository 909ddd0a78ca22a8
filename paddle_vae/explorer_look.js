// What the explorer looks like: its parts and their style. Nothing comes from outside.

const STYLE = `
:host { display: block; container-type: inline-size; max-width: 940px; margin: 8px 0;
  text-align: left; }
.app { --ink: #1a1a1a; --paper: #fff; --soft: #5c5c5c; --line: #c4c4c4; --hover: #eef3f8;
  --mark: #0b62a8; display: grid; gap: 16px; padding: 12px; box-sizing: border-box;
  grid-template-columns: minmax(0, 1fr); color: var(--ink); background: var(--paper);
  border: 1px solid var(--line); border-radius: 8px;
  font: 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.app.dark { --ink: #f0f0f0; --paper: #161616; --soft: #b3b3b3; --line: #4c4c4c; --hover: #2b3540;
  --mark: #6cb6f5; }
@container (min-width: 660px) {
  .app { grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr); }
  .wide { grid-column: 1 / -1; }
}
h3 { font-size: 14px; font-weight: 600; margin: 0 0 6px; }
p { margin: 4px 0; }
.soft { color: var(--soft); font-size: 13px; }
canvas { display: block; }
.plane { width: 100%; aspect-ratio: 1; border: 1px solid var(--line); border-radius: 4px;
  box-sizing: border-box; touch-action: none; cursor: crosshair; }
.digit { image-rendering: pixelated; background: #000; }
.big { width: 100%; max-width: 196px; aspect-ratio: 1; }
.small { width: 84px; height: 84px; }
.strip { margin-top: 6px; width: 100%; aspect-ratio: 10; border-radius: 3px; }
.pad { width: 168px; height: 168px; background: #000; border-radius: 4px; touch-action: none;
  cursor: crosshair; }
.row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.row + .row, .plane + .row { margin-top: 8px; }
.top { align-items: flex-start; gap: 12px; flex-wrap: nowrap; }
.grow { flex: 1; min-width: 0; }
.push { margin-left: auto; }
.numbers { font-variant-numeric: tabular-nums; }
.z { font-size: 16px; font-weight: 600; white-space: nowrap; }
button { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line);
  border-radius: 5px; min-width: 32px; min-height: 32px; padding: 3px 9px; cursor: pointer; }
button:hover { background: var(--hover); }
button[aria-pressed="true"] { border-color: var(--mark); box-shadow: inset 0 0 0 1px var(--mark); }
.legend { flex-wrap: nowrap; }
.legend button { font-weight: 700; padding: 3px 0; flex: 0 1 36px; min-width: 0; }
.legend button[aria-pressed="false"] { opacity: 0.4; box-shadow: none; border-style: dashed; }
.labels { display: grid; grid-template-columns: repeat(10, minmax(0, 1fr)); gap: 4px; }
.labels button { padding: 2px; min-width: 0; line-height: 1.3; }
.labels canvas { width: 100%; aspect-ratio: 1; }
@container (max-width: 480px) { .labels { grid-template-columns: repeat(5, minmax(0, 1fr)); } }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 1px; }
section + section { margin-top: 16px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
[hidden] { display: none !important; }
@media (pointer: coarse) { button { min-height: 40px; } }
`;

// words: from WORDS of explorer_words.js
const page = (words) => `
<style>${STYLE}</style>
<div class="app" lang="${words.lang}">
  <div>
    <canvas class="plane" tabindex="0" role="application" aria-roledescription="${words.kind}"
      aria-label="${words.plane}"></canvas>
    <div class="row">
      <span>${words.move}</span><button data-point="A">A</button><button data-point="B">B</button>
      <span class="push"></span>
      <button data-do="map" aria-pressed="true">${words.map}</button>
      <button data-do="in" aria-label="${words.zoomIn}">+</button>
      <button data-do="out" aria-label="${words.zoomOut}">&minus;</button>
      <button data-do="all">${words.all}</button>
    </div>
    <div class="row legend" role="group" aria-label="${words.legend}"></div>
    <p class="soft">${words.hint}</p>
  </div>
  <div>
    <section class="row top">
      <div class="grow">
        <h3 class="name"></h3>
        <canvas class="big digit" width="28" height="28" role="img"></canvas>
      </div>
      <div class="grow numbers">
        <p class="z"></p>
        <p class="side" hidden></p>
        <h3>${words.nearest}</h3>
        <canvas class="small digit partner" width="28" height="28" role="img"></canvas>
        <p class="near"></p>
        <button data-do="encode">${words.encodeIt}</button>
      </div>
    </section>
    <section>
      <h3>${words.draw}</h3>
      <div class="row top">
        <canvas class="pad" width="224" height="224" role="img" aria-label="${words.pad}"></canvas>
        <div class="grow numbers">
          <canvas class="small digit seen" width="28" height="28" role="img"
            aria-label="${words.seenImage}"></canvas>
          <p class="soft">${words.seen}</p>
          <p class="cloud"></p>
          <button data-do="wipe">${words.wipe}</button>
        </div>
      </div>
    </section>
  </div>
  <div class="wide" data-part="labels" hidden>
    <h3>${words.labels}</h3>
    <div class="labels" role="group" aria-label="${words.label}"></div>
  </div>
  <div class="wide">
    <div class="row"><h3>${words.walk}</h3>
      <button class="push" data-do="play" aria-pressed="false">${words.play}</button></div>
    <canvas class="strip digit" width="280" height="28" role="img"
      aria-label="${words.strip}"></canvas>
  </div>
  <span class="hidden" role="status"></span>
</div>
`;
