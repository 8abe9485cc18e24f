// Elements from data: text is always text, so nothing a meter or a file says can become markup or an inline style.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    // Sizes that follow data go through the CSSOM: the policy forbids style attributes.
    if (name === "css") for (const [property, to] of Object.entries(value)) element.style.setProperty(property, to);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Replace what is in `parent`, keeping the keyboard where it was: elements are told apart by data-key.
export function put(parent, ...children) {
  const held = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const open = new Set([...parent.querySelectorAll("details[open]")].map((details) => details.dataset.key));
  parent.replaceChildren();
  fill(parent, null, children);
  for (const details of parent.querySelectorAll("details")) details.open ||= open.has(details.dataset.key);
  if (held) parent.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

// Make what is in `parent` equal to `fresh` by the least change; elements of another kind or key are replaced.
export function morph(parent, ...fresh) {
  fresh.forEach((wanted, index) => {
    const found = parent.childNodes[index];
    if (!found) parent.append(wanted);
    else if (!alike(found, wanted)) found.replaceWith(wanted);
    else if (found.nodeType === Node.TEXT_NODE) found.data !== wanted.data && (found.data = wanted.data);
    else {
      inherit(found, wanted);
      morph(found, ...wanted.childNodes);
    }
  });
  while (parent.childNodes.length > fresh.length) parent.lastChild.remove();
}

const alike = (a, b) => a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;

function inherit(found, wanted) {
  for (const { name } of [...found.attributes]) if (!wanted.hasAttribute(name)) found.removeAttribute(name);
  for (const { name, value } of wanted.attributes) {
    if (name === "style") found.style.cssText = value;
    else if (found.getAttribute(name) !== value) found.setAttribute(name, value);
  }
}
