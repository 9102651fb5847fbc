/**
 * A model's Markdown as a tree of what may be shown. HTML is text, images are links, a link that leads
 * anywhere but to a file or to https is text. The tree is all that the view makes elements of, so what
 * is not named here cannot come into being, whatever the parser lets through.
 */
import MarkdownIt from "markdown-it";
import type { Token } from "markdown-it";
import { parseTarget, targetOfCode, type Target } from "./links";

const TAGS = [
  ...["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "hr", "br"],
  ...["strong", "em", "s", "table", "thead", "tbody", "tr", "th", "td"],
] as const;

export type Tag = (typeof TAGS)[number];

export type Align = "left" | "center" | "right";

export type Node =
  | string
  | {
      readonly kind: "element";
      readonly tag: Tag;
      readonly children: readonly Node[];
      /** Of a numbered list. */
      readonly start?: number;
      /** Of a table's cell. */
      readonly align?: Align;
    }
  | { readonly kind: "link"; readonly target: Target; readonly children: readonly Node[] }
  | { readonly kind: "inlineCode"; readonly text: string; readonly target: Target | undefined }
  | { readonly kind: "codeBlock"; readonly text: string; readonly language: string };

/** How deep quotes and lists may lie in one another; deeper ones are left out. */
const MAX_NESTING = 40;

const parser = new MarkdownIt({ html: false, linkify: true, maxNesting: MAX_NESTING });
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
parser.validateLink = (href) => parseTarget(href) !== undefined;

export function renderMarkdown(text: string): readonly Node[] {
  return treeOf(parser.parse(text, {}));
}

interface Branch {
  readonly children: Node[];
  /** Makes the node once its children are there. */
  readonly close: (children: readonly Node[]) => readonly Node[];
}

function treeOf(tokens: readonly Token[]): readonly Node[] {
  const root: Branch = { children: [], close: (children) => children };
  const branches = [root];
  const add = (...nodes: readonly Node[]): void => {
    (branches.at(-1) ?? root).children.push(...nodes);
  };
  for (const token of tokens) {
    if (token.nesting === 1) {
      branches.push({ children: [], close: closing(token) });
    } else if (token.nesting === -1) {
      const branch = branches.length > 1 ? branches.pop() : undefined;
      if (branch !== undefined) {
        add(...branch.close(branch.children));
      }
    } else {
      add(...leaf(token));
    }
  }
  return root.children;
}

function closing(token: Token): (children: readonly Node[]) => readonly Node[] {
  if (token.hidden) {
    return (children) => children; // the paragraphs of a tight list
  }
  if (token.type === "link_open") {
    return (children) => link(attribute(token, "href"), children);
  }
  const { tag } = token;
  if (!isTag(tag)) {
    return (children) => children;
  }
  const start = Number(attribute(token, "start"));
  const align = /text-align:(left|center|right)/.exec(attribute(token, "style"))?.[1];
  return (children) => [
    {
      kind: "element",
      tag,
      children,
      ...(tag === "ol" && Number.isInteger(start) && start > 0 ? { start } : {}),
      ...(align === "left" || align === "center" || align === "right" ? { align } : {}),
    },
  ];
}

function leaf(token: Token): readonly Node[] {
  switch (token.type) {
    case "inline":
      return treeOf(token.children ?? []);
    case "code_inline":
      return [{ kind: "inlineCode", text: token.content, target: targetOfCode(token.content) }];
    case "fence":
    case "code_block":
      return [
        {
          kind: "codeBlock",
          text: token.content.replace(/\n$/, ""),
          language: /^[^\s{,:]*/.exec(token.info.trim())?.[0] ?? "",
        },
      ];
    case "image":
      return link(attribute(token, "src"), [`image: ${token.content}`]);
    case "softbreak":
      return ["\n"];
    default:
      return isTag(token.tag)
        ? [{ kind: "element", tag: token.tag, children: [] }]
        : [token.content];
  }
}

function link(href: string, children: readonly Node[]): readonly Node[] {
  const target = parseTarget(href);
  return target === undefined ? children : [{ kind: "link", target, children }];
}

function attribute(token: Token, name: string): string {
  return String(token.attrs?.find(([found]) => found === name)?.[1] ?? "");
}

function isTag(tag: string): tag is Tag {
  return (TAGS as readonly string[]).includes(tag);
}
