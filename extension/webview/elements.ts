/** Makes elements. Text goes in as text: nothing here, or in this folder, ever parses HTML. */

type Child = globalThis.Node | string;

interface Properties {
  readonly class?: string;
  readonly title?: string;
  readonly hidden?: boolean;
  /** Attributes by their own names, such as `aria-label`. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly onClick?: (event: MouseEvent) => void;
}

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (properties.class !== undefined) {
    made.className = properties.class;
  }
  if (properties.title !== undefined) {
    made.title = properties.title;
  }
  made.hidden = properties.hidden ?? false;
  for (const [attribute, value] of Object.entries(properties.attributes ?? {})) {
    made.setAttribute(attribute, value);
  }
  if (properties.onClick !== undefined) {
    made.addEventListener("click", properties.onClick as EventListener);
  }
  made.append(...children);
  return made;
}

/** Strokes on a grid of 16. */
const ICONS = {
  add: "M8 3v10M3 8h10",
  apply: "M3 8.5l3.5 3.5L13 4.5",
  chats: "M2.5 3.5h11v7h-6l-3 2.5v-2.5h-2z",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h7v8h-7zM3.5 10.5v-8h7",
  edit: "M3 13l.6-2.8 7.6-7.6 2.2 2.2-7.6 7.6zM9.5 4.3l2.2 2.2",
  insert: "M2.5 3.5h11M2.5 12.5h11M8 5.5v5M5.5 8l2.5 2.5L10.5 8",
  remove: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9",
  retry: "M12.5 8a4.5 4.5 0 1 1-1.4-3.2M11.5 2v3h-3",
  send: "M2.5 13.5l11-5.5-11-5.5v4.5l6 1-6 1z",
  stop: "M4 4h8v8H4z",
} as const;

export type Icon = keyof typeof ICONS;

const SVG = "http://www.w3.org/2000/svg";

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon, and a name for those who do not see it. */
export function iconButton(name: Icon, title: string, onClick: () => void): HTMLButtonElement {
  const attributes = { type: "button", "aria-label": title };
  return element("button", { class: "icon-button", title, attributes, onClick }, icon(name));
}

export function textButton(text: string, onClick: () => void): HTMLButtonElement {
  return element("button", { class: "button", attributes: { type: "button" }, onClick }, text);
}
