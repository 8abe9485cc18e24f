// Where everything of the flow diagram stands: numbers in, numbers out [px]. Rows never share pixels, so nothing can overlap.

const ROW = 2.5; // the least height of a node's row [rem]
const THICKEST = 0.6; // of a row: what the largest power may take
const IDLE = 0.05; // less is nothing [kW]
const APART = 0.375; // between two ribbons on the bus [rem]

// One section is a bus with nodes on both sides; `rows` of a side share the section's height evenly.
function section(group, top, height, wide, rem) {
  const bus = { x: wide.bus, middle: top + height / 2, name: group.name };
  const place = (nodes, side) => nodes.map((node, index) => {
    const slot = Math.min(height / nodes.length, 1.8 * ROW * rem);
    const middle = top + height / 2 + (index - (nodes.length - 1) / 2) * slot;
    return { ...node, side, x: side === "left" ? 0 : wide.right, width: wide.node, middle, height: Math.min(slot - 2, 3 * rem) };
  });
  return { bus, nodes: [...place(group.left, "left"), ...place(group.right, "right")] };
}

// Ribbons stand on the bus one beside the other, in the order of their nodes.
function ribbons({ bus, nodes }, wide, scale, rem) {
  const of = (node) => (Math.abs(node.into ?? 0) < IDLE ? 0 : Math.max(1.5, Math.abs(node.into) * scale));
  for (const side of ["left", "right"]) {
    const own = nodes.filter((node) => node.side === side);
    const taken = own.map((node) => of(node) + APART * rem);
    const stack = taken.reduce((sum, one) => sum + one, 0);
    let at = bus.middle - stack / 2;
    bus.length = Math.max(bus.length ?? 2 * rem, stack + APART * rem);
    own.forEach((node, index) => {
      const end = at + taken[index] / 2;
      at += taken[index];
      node.thick = of(node);
      node.path = curve(node, side === "left" ? wide.node : wide.bus + wide.thick, side === "left" ? wide.bus : wide.right, end, side);
      node.onward = node.into > 0; // from left to right
      node.arrow = { x: side === "left" ? wide.node + 0.75 * rem : wide.right - 0.75 * rem, y: node.middle };
    });
  }
}

function curve(node, from, to, end, side) {
  const [y0, y1] = side === "left" ? [node.middle, end] : [end, node.middle];
  const lead = Math.min(24, (to - from) / 4); // straight at the node, so that the arrow lies level
  const [a, b] = side === "left" ? [from + lead, to] : [from, to - lead];
  const half = (a + b) / 2;
  return `M${from},${y0}H${a}C${half},${y0} ${half},${y1} ${b},${y1}H${to}`;
}

// groups: [{name, left: [{id, into}], right: [...]}] with `into` = power towards the bus at the left, away from it at the right [kW].
export function layout(groups, width, room, rem) {
  const node = Math.max(7.5 * rem, Math.min(14.5 * rem, width * 0.28, (width - 4 * rem) / 2));
  const thick = 0.5 * rem;
  const wide = { node, thick, bus: (width - thick) / 2, right: width - node };
  const head = 1.5 * rem; // the bus's name
  const rows = groups.map((group) => Math.max(group.left.length, group.right.length, 1));
  const least = rows.reduce((sum, count) => sum + count * ROW * rem + head, 0);
  const height = Math.max(least, room);
  const largest = Math.max(1e-9, ...groups.flatMap((group) => [...group.left, ...group.right]).map((one) => Math.abs(one.into ?? 0)));
  const compact = node < 10 * rem;
  const scale = ((compact ? 0.5 : 1) * THICKEST * ROW * rem) / largest;
  const spare = (height - least) / rows.reduce((sum, count) => sum + count, 0);
  let top = 0;
  const sections = groups.map((group, index) => {
    const tall = rows[index] * (ROW * rem + spare);
    const made = section(group, top + head, tall, wide, rem);
    ribbons(made, wide, scale, rem);
    top += head + tall;
    return made;
  });
  return { height: least, thick, compact, sections };
}
