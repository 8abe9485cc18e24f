// Questions the tests ask inside the page; evaluated as one expression that answers with the functions.
({
  // Texts of the flow diagram that meet, or leave the diagram.
  overlaps() {
    const outer = document.querySelector(".flow").getBoundingClientRect();
    const boxes = [...document.querySelectorAll(".flow text, .flow .bus")].map((e) => [e.textContent, e.getBoundingClientRect()]);
    const out = ([, b]) => b.left < outer.left - 1 || b.right > outer.right + 1 || b.bottom > outer.bottom + 1;
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4;
    const pairs = boxes.flatMap(([name, a], i) => boxes.slice(i + 1).filter(([, b]) => meet(a, b)).map(([other]) => [name, other]));
    return JSON.stringify([boxes.filter(out).map(([name]) => name), pairs]);
  },

  // What one can press or look at without a name.
  nameless() {
    const named = (e) => (e.innerText ?? "").trim() || e.getAttribute("aria-label") || e.closest("[aria-hidden]");
    const all = document.querySelectorAll("button, a, select, [role=button], [role=img], svg:not([aria-hidden])");
    return [...all].filter((e) => e.checkVisibility() && !named(e)).map((e) => e.outerHTML.slice(0, 120));
  },

  // Figures that nothing opens: neither they nor what holds them can be pressed, and no table of numbers lists them.
  unasked() {
    const opens = "button, summary, [role=button], details, .lines tr, .explanation, .legend, .readings, .rows, .meters td, .verdict, .next-step, #card-cost";
    return [...document.querySelectorAll("main .figure")].filter((e) => e.checkVisibility() && !e.closest(opens)).map((e) => e.parentElement.outerHTML.slice(0, 160));
  },

  // Ids that two elements have.
  doubled() {
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    return ids.filter((id, index) => ids.indexOf(id) !== index);
  },

  // Layouts of any number of nodes on either side in which rows share pixels, or leave the drawing.
  async layouts() {
    const { layout } = await import("/js/geometry.js");
    const power = (i) => ((i * 37) % 11 === 0 ? null : (i % 3 ? 1 : -1) * i * 97);
    const group = (n) => Array.from({ length: n }, (_, i) => ({ id: `${i}`, into: power(i) }));
    const wrong = [];
    const judge = (width, left, right) => {
      const groups = [{ name: "a", left: group(left), right: group(right) }, { name: "b", left: group(2), right: group(1) }];
      const { height, sections } = layout(groups, width, 0, 16);
      const nodes = sections.flatMap((section) => section.nodes);
      const say = (what) => wrong.push([width, left, right, what]);
      for (const side of ["left", "right"]) {
        const own = nodes.filter((node) => node.side === side).sort((a, b) => a.middle - b.middle);
        own.slice(1).forEach((node, i) => own[i].middle + own[i].height / 2 > node.middle - node.height / 2 && say("overlap"));
      }
      for (const node of nodes) {
        if (node.x < 0 || node.x + node.width > width + 1e-6) say("outside");
        if (node.middle + node.height / 2 > height + 1e-6) say("below");
        if (!/^M[\d.,HC -]+$/.test(node.path)) say(node.path);
      }
    };
    for (const width of [280, 328, 500, 868, 1800])
      for (let left = 1; left < 9; left++) for (let right = 0; right < 15; right++) judge(width, left, right);
    return JSON.stringify(wrong);
  },
})
