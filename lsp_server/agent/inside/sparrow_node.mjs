// A reporter of node's test runner that writes down how each test ends, a line of JSON for each.
import { appendFileSync } from "node:fs";
import { join, relative } from "node:path";

const report = join(process.env.SPARROW_REPORT, "report");

function write(line) {
  appendFileSync(report, JSON.stringify(line) + "\n");
}

function outcomeOf(event) {
  if (event.data.skip !== undefined || event.data.todo !== undefined) return "skipped";
  return event.type === "test:pass" ? "passed" : "failed";
}

// eslint-disable-next-line require-yield -- what is told is for the file, not for the terminal
export default async function* record(source) {
  const names = []; // of the tests that one is in, by file
  for await (const event of source) {
    const { name, nesting, file } = event.data ?? {};
    if (event.type !== "test:start" && event.type !== "test:pass" && event.type !== "test:fail") {
      continue;
    }
    names.length = nesting;
    names[nesting] = name;
    const path = file === undefined ? "" : relative(process.cwd(), file).split("\\").join("/");
    const id = `${path}::${name === file ? "" : names.join(" > ")}`; // or the file as a whole
    if (event.type === "test:start") {
      write({ begin: id });
    } else if (event.data.details?.type !== "suite") {
      write({ end: id, outcome: outcomeOf(event) });
    } else {
      write({ gone: id });
    }
  }
}
