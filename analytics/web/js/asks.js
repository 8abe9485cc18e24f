// A number that can be asked: pressing it opens what it rests on.

import { h } from "./dom.js";
import { t } from "./words.js";

export const asks = (key, explain, ...content) =>
  h("button", { type: "button", class: "asks", "data-key": `asks-${key}`, "aria-haspopup": "dialog", "aria-description": t("asks"), onclick: explain }, content);
