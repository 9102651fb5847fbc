/** Makes elements of the tree of an answer. */
import type { Target } from "../src/core/chat/links";
import type { Node } from "../src/core/chat/markdown";
import { element } from "./elements";

export interface NodeActions {
  readonly follow: (target: Target) => void;
  /** The element of the answer's next block of code. */
  readonly codeBlock: (text: string, language: string) => HTMLElement;
}

export function toElements(nodes: readonly Node[], actions: NodeActions): DocumentFragment {
  const fragment = document.createDocumentFragment();
  fragment.append(...nodes.map((node) => toElement(node, actions)));
  return fragment;
}

function toElement(node: Node, actions: NodeActions): HTMLElement | string {
  if (typeof node === "string") {
    return node;
  }
  switch (node.kind) {
    case "codeBlock":
      return actions.codeBlock(node.text, node.language);
    case "inlineCode": {
      const code = element("code", {}, node.text);
      return node.target === undefined ? code : linkTo(node.target, [code], actions);
    }
    case "link":
      return linkTo(node.target, [toElements(node.children, actions)], actions);
    case "element": {
      const made = element(node.tag, {}, toElements(node.children, actions));
      if (node.start !== undefined) {
        made.setAttribute("start", String(node.start));
      }
      if (node.align !== undefined) {
        made.classList.add(`align-${node.align}`);
      }
      // A wide table scrolls by itself.
      return node.tag === "table" ? element("div", { class: "table" }, made) : made;
    }
  }
}

/** Without an `href`, so that nothing but the extension opens it, which looks where it leads. */
function linkTo(
  target: Target,
  children: readonly globalThis.Node[],
  { follow }: NodeActions,
): HTMLElement {
  const attributes = { role: "link", tabindex: "0" };
  const title = describe(target);
  const link = element("a", { class: `link ${target.kind}`, title, attributes }, ...children);
  const go = (event: Event): void => {
    event.preventDefault();
    follow(target);
  };
  link.addEventListener("click", go);
  link.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      go(event);
    }
  });
  return link;
}

function describe(target: Target): string {
  switch (target.kind) {
    case "web":
      return target.url;
    case "file":
      return target.line === null ? target.path : `${target.path}, line ${target.line + 1}`;
    case "symbol":
      return `Go to ${target.name}`;
  }
}
