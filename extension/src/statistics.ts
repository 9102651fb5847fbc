/** The page of statistics: the server's HTML in a web view that runs no script. */
import { ViewColumn, window, type WebviewPanel } from "vscode";
import { pageOf } from "./core/page";
import type { StatisticsResult } from "./protocol";

let panel: WebviewPanel | undefined;

/** One page, which is shown anew when it is asked for again. */
export function showStatisticsPage({ html, css }: StatisticsResult): void {
  if (panel === undefined) {
    panel = window.createWebviewPanel(
      "sparrow.statistics",
      "Sparrow Statistics",
      ViewColumn.Active,
      { enableScripts: false, enableForms: false, localResourceRoots: [] },
    );
    panel.onDidDispose(() => {
      panel = undefined;
    });
  } else {
    panel.reveal();
  }
  panel.webview.html = pageOf(html, css);
}
