import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      eqeqeq: "error",
    },
  },
  {
    // Else a user is shown what the library says of connections.
    files: ["src/**/*.ts"],
    ignores: ["src/serverRequests.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[property.name='sendRequest']",
          message: "Requests go through serverRequests.ts.",
        },
      ],
    },
  },
  {
    // The core knows neither the editor nor the protocol library, so that node alone can test it; nor does
    // the web view, which is no part of the extension's process.
    files: ["src/core/**/*.ts", "src/chatProtocol.ts", "webview/**/*.ts"],
    rules: {
      "@typescript-eslint/no-restricted-imports": [
        "error",
        {
          patterns: [{ regex: "^(vscode|vscode-languageclient.*)$", message: "The core is pure." }],
        },
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    // node:test returns promises that its runner awaits itself.
    rules: { "@typescript-eslint/no-floating-promises": "off" },
  },
  { files: ["*.mjs"], languageOptions: { globals: { process: "readonly" } } },
);
