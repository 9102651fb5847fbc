// Bundles the extension to dist/extension.js and its web view to dist/webview/; with --test, each test to
// a file in dist/test/; with --harness, the web view and what stands in for the editor around it.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const common = {
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  logLevel: "warning",
};

/** The page's script and style, for the browser that the editor is. */
const webview = {
  bundle: true,
  platform: "browser",
  format: "iife",
  target: "chrome140",
  logLevel: "warning",
  entryPoints: [
    { in: "webview/main.ts", out: "chat" },
    { in: "webview/chat.css", out: "chat" },
  ],
  outdir: "dist/webview",
  minify: true,
  metafile: true,
};

if (process.argv.includes("--test")) {
  rmSync("dist/test", { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: readdirSync("test")
      .filter((name) => name.endsWith(".test.ts"))
      .map((name) => `test/${name}`),
    outdir: "dist/test",
    sourcemap: "inline",
    // The editor is played, and what the client's library adds to the protocol: that needs a real one.
    alias: {
      vscode: "./test/editor/vscode.ts",
      "vscode-languageclient/node": "./test/editor/languageClient.ts",
    },
  });
} else if (process.argv.includes("--harness")) {
  await build({ ...webview, outdir: "dist/harness" });
  await build({
    ...webview,
    entryPoints: [{ in: "test/harness/harness.ts", out: "harness" }],
    outdir: "dist/harness",
  });
  await build({ ...common, entryPoints: ["test/harness/page.ts"], outdir: "dist/harness" });
} else {
  const page = await build(webview);
  const { metafile } = await build({
    ...common,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    external: ["vscode"],
    minify: true,
    metafile: true,
  });
  writeFileSync("dist/NOTICES.txt", notices({ ...metafile.inputs, ...page.metafile.inputs }));
}

/** The licences of the packages that the bundle contains. */
function notices(inputs) {
  const folders = Object.keys(inputs).map(
    (file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0],
  );
  return [...new Set(folders.filter(Boolean))]
    .sort()
    .map((folder) => {
      const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
      const licence = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
      if (licence === undefined) {
        throw new Error(`${name} has no licence file`);
      }
      return `${name} ${version}\n\n${readFileSync(`${folder}/${licence}`, "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}
