/**
 * Code as runs of text with the scope that colours them. The highlighter answers in HTML; that is taken
 * apart here into text and the names of scopes, and never becomes elements by itself.
 */
import highlighter from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import dockerfile from "highlight.js/lib/languages/dockerfile";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import makefile from "highlight.js/lib/languages/makefile";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import shell from "highlight.js/lib/languages/shell";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const LANGUAGES = {
  ...{ bash, c, cpp, csharp, css, diff, dockerfile, go, ini, java, javascript, json, kotlin },
  ...{ makefile, markdown, php, python, ruby, rust, shell, sql, swift, typescript, xml, yaml },
};

for (const [name, language] of Object.entries(LANGUAGES)) {
  highlighter.registerLanguage(name, language);
}
// What VS Code calls otherwise than the highlighter, and its aliases, do.
highlighter.registerAliases(["typescriptreact"], { languageName: "typescript" });
highlighter.registerAliases(["javascriptreact"], { languageName: "javascript" });
highlighter.registerAliases(["shellscript"], { languageName: "bash" });

export interface Run {
  readonly text: string;
  /** Such as `keyword` or `title function_`; empty for plain text. */
  readonly scope: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#x27;": "'",
};

/** An unknown language is one plain run. */
export function highlight(code: string, language: string): readonly Run[] {
  if (language === "" || highlighter.getLanguage(language) === undefined) {
    return code === "" ? [] : [{ text: code, scope: "" }];
  }
  return runsOf(highlighter.highlight(code, { language, ignoreIllegals: true }).value);
}

function runsOf(html: string): readonly Run[] {
  const runs: Run[] = [];
  const scopes: string[] = [];
  for (const [, opened, closed, text] of html.matchAll(
    /<span class="([^"]*)">|(<\/span>)|([^<]+)/g,
  )) {
    if (opened !== undefined) {
      scopes.push(opened.replace("hljs-", ""));
    } else if (closed !== undefined) {
      scopes.pop();
    } else if (text !== undefined) {
      const plain = text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (it) => ENTITIES[it] ?? it);
      runs.push({ text: plain, scope: scopes.at(-1) ?? "" });
    }
  }
  return runs;
}
