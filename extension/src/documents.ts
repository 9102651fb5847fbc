/** Shows what Sparrow has to say at length: read-only Markdown, rendered. */
import { commands, Uri, window, workspace, type Disposable } from "vscode";

const SCHEME = "sparrow";
/** For a preview that a new window restores, for which `onFileSystem` starts the extension. */
const FORGOTTEN = "This text is not kept when the window closes. Run the command again.";

export class ReadOnlyDocuments implements Disposable {
  readonly #texts = new Map<string, string>();
  readonly #registration = workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: (uri) => this.#texts.get(uri.path) ?? FORGOTTEN,
  });

  /** Shows Markdown under a title; the same title again replaces the text. */
  async show(title: string, markdown: string): Promise<void> {
    const path = `/${title}.md`;
    this.#texts.set(path, markdown);
    // A preview renders again only what has another name.
    const uri = Uri.from({ scheme: SCHEME, path, query: String(Date.now()) });
    try {
      await commands.executeCommand("markdown.showPreview", uri);
    } catch {
      // The built-in Markdown extension is off.
      await window.showTextDocument(uri);
    }
  }

  dispose(): void {
    this.#registration.dispose();
  }
}
