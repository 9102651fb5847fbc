import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

interface Manifest {
  readonly engines: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly enabledApiProposals?: unknown;
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] };
  };
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
    readonly configuration: {
      readonly properties: Readonly<
        Record<string, { readonly scope: string; readonly order: number }>
      >;
    };
    readonly walkthroughs: readonly { readonly steps: readonly Step[] }[];
  };
}

interface Step {
  readonly description: string;
  readonly media: { readonly svg?: string; readonly markdown?: string };
}

// node runs the tests in the extension's folder.
const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
const steps = manifest.contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps);

test("the editor is not older than the types", () => {
  assert.equal(manifest.engines["vscode"], `^${manifest.devDependencies["@types/vscode"] ?? ""}`);
  assert.equal(manifest.enabledApiProposals, undefined);
});

test("a workspace can set nothing that names a program or a model", () => {
  const machine = Object.entries(manifest.contributes.configuration.properties)
    .filter(([, { scope }]) => scope === "machine")
    .map(([name]) => name);
  assert.deepEqual(
    [...manifest.capabilities.untrustedWorkspaces.restrictedConfigurations].sort(),
    machine.sort(),
  );
  assert.ok(machine.includes("sparrow.server.path") && machine.includes("sparrow.python"));
});

test("what is set most often comes first, and each setting has a place of its own", () => {
  const settings = Object.entries(manifest.contributes.configuration.properties);
  const ordered = settings.toSorted(([, one], [, other]) => one.order - other.order);
  assert.deepEqual(
    ordered.map(([, { order }]) => order),
    settings.map((_, index) => index + 1),
  );
  assert.deepEqual(
    ordered.slice(0, 4).map(([name]) => name),
    ["sparrow.enable", "sparrow.languages", "sparrow.completion.model", "sparrow.chat.model"],
  );
});

test("the walkthrough names commands and files that are there", () => {
  const commands = manifest.contributes.commands.map(({ command }) => command);
  for (const { description, media } of steps) {
    for (const [, command] of description.matchAll(/\(command:(sparrow\.\w+)/g)) {
      assert.ok(commands.includes(command ?? ""), command);
    }
    const file = media.svg ?? media.markdown ?? "";
    assert.ok(existsSync(file), file);
  }
});
