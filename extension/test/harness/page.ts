/** Prints the page as the extension makes it, for a browser that is no editor. */
import { renderPage } from "../../src/core/chat/page";

const [, , origin = ""] = process.argv;
const page = { script: "chat.js", style: "chat.css", cspSource: origin, nonce: "harness" };
process.stdout.write(renderPage(page));
