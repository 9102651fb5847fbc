import assert from "node:assert/strict";
import { test } from "node:test";
import { targets } from "../src/core/targets";

test("files beside the own one come first, then others by folder", () => {
  const paths = ["tests/test_till.py", "shop/till.py", "setup.py", "shop/__init__.py"];
  assert.deepEqual(
    targets("shop/prices.py", paths).map(({ path }) => path),
    ["shop/__init__.py", "shop/till.py", "setup.py", "tests/test_till.py"],
  );
});

test("a file is told by its name, and its folder beside it", () => {
  assert.deepEqual(targets("a.py", ["shop/inner/till.py", "b.py"]), [
    { label: "b.py", description: "", path: "b.py" },
    { label: "till.py", description: "shop/inner", path: "shop/inner/till.py" },
  ]);
});
