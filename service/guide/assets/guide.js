"use strict";

const root = new URL(document.body.dataset.root, document.baseURI);
const find = (selector) => document.querySelector(selector);

function add(parent, tag, properties = {}) {
  return parent.appendChild(Object.assign(document.createElement(tag), properties));
}

// --- theme ---
find(".theme").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  const isDark = dataset.theme
    ? dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("paintjob-theme", dataset.theme);
});

// --- contents on a small screen ---
const menu = find(".menu");
function toggleMenu(open) {
  document.body.classList.toggle("menu-open", open);
  menu.setAttribute("aria-expanded", String(open));
}
menu.addEventListener("click", () => toggleMenu(menu.getAttribute("aria-expanded") === "false"));

const here = find('.contents [aria-current="page"]');
if (here) find(".contents").scrollTop = here.offsetTop - 160;

// --- code: a button that copies it ---
for (const block of document.querySelectorAll("pre.code")) {
  const frame = document.createElement("div");
  frame.className = "block";
  block.replaceWith(frame);
  frame.append(block);
  const button = add(frame, "button", { type: "button", className: "copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

// --- the heading that is being read ---
const links = new Map();
for (const link of document.querySelectorAll(".within a")) {
  links.set(decodeURIComponent(link.hash.slice(1)), link);
}
const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id).setAttribute("aria-current", "true");
    }
  },
  { rootMargin: "-70px 0px -75% 0px" },
);
for (const id of links.keys()) seen.observe(document.getElementById(id));

// --- search ---
const MOST = 12;
const input = find(".search input");
const found = find("#found");
let sections;
let marked = -1;

async function loadSections() {
  sections ??= fetch(new URL("search.json", root)).then((answer) => answer.json());
  return sections;
}

function rate(section, words) {
  const [page, heading, text] = [section.page, section.heading, section.text].map((part) =>
    part.toLowerCase(),
  );
  let total = 0;
  for (const word of words) {
    const times = text.split(word).length - 1;
    const points = 12 * page.includes(word) + 20 * heading.includes(word) + Math.min(times, 5);
    if (!points) return 0;
    total += points;
  }
  // A word in a short section says more of it.
  return total / (1 + text.length / 6000);
}

function cut(text, words) {
  const near = Math.max(0, text.toLowerCase().indexOf(words[0]) - 40);
  const at = near && text.indexOf(" ", near) + 1;
  return (at ? "… " : "") + text.slice(at, at + 130).replace(/ \S*$/, " …");
}

function markWords(parent, text, words) {
  const pattern = new RegExp(`(${words.map((w) => w.replace(/[^\w\s]/g, "\\$&")).join("|")})`, "gi");
  text.split(pattern).forEach((part, index) => {
    if (index % 2) add(parent, "mark", { textContent: part });
    else parent.append(part);
  });
}

async function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = words.length ? await loadSections() : [];
  const best = all
    .map((section) => [rate(section, words), section])
    .filter(([points]) => points > 0)
    .sort(([one], [other]) => other - one)
    .slice(0, MOST);
  found.replaceChildren();
  marked = -1;
  for (const [index, [, section]] of best.entries()) {
    const row = add(found, "a", { href: new URL(section.url, root), id: `found-${index}` });
    row.setAttribute("role", "option");
    const title = section.heading ? `${section.page} › ${section.heading}` : section.page;
    add(row, "strong", { textContent: title });
    markWords(add(row, "span"), cut(section.text, words), words);
  }
  if (words.length && !best.length) add(found, "p", { textContent: "Nothing found." });
  show(words.length > 0);
}

function show(open) {
  found.hidden = !open;
  input.setAttribute("aria-expanded", String(open));
}

function move(step) {
  const rows = [...found.querySelectorAll("a")];
  if (!rows.length) return;
  rows[marked]?.classList.remove("marked");
  marked = (marked + step + rows.length) % rows.length;
  rows[marked].classList.add("marked");
  rows[marked].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", rows[marked].id);
}

input.addEventListener("focus", loadSections);
input.addEventListener("input", search);
input.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    move(marked < 0 && step < 0 ? 0 : step);
  } else if (event.key === "Enter") {
    found.querySelectorAll("a")[Math.max(marked, 0)]?.click();
  } else if (event.key === "Escape") {
    input.value = "";
    show(false);
  }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) show(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea")) {
    event.preventDefault();
    input.focus();
  } else if (event.key === "Escape") {
    toggleMenu(false);
  }
});
