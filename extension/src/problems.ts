/**
 * Tells the server what the editor's other tools find wrong in the active document: what they name is
 * often what is about to be written.
 */
import { DiagnosticSeverity, Disposable, languages, window, type Diagnostic } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { SetProblemsNotification } from "./protocol";
import { COMPLETED_SCHEMES } from "./settings";

/** Tools report in bursts while the user types. */
const PAUSE_MS = 200;
const MAX_PROBLEMS = 100;

export function reportProblems(client: LanguageClient): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const report = (): void => {
    const document = window.activeTextEditor?.document;
    if (document === undefined || !COMPLETED_SCHEMES.includes(document.uri.scheme)) {
      return;
    }
    const problems = languages
      .getDiagnostics(document.uri)
      .filter(isSerious)
      .slice(0, MAX_PROBLEMS);
    void client
      .sendNotification(SetProblemsNotification, {
        uri: client.code2ProtocolConverter.asUri(document.uri),
        problems: problems.map(({ range, message }) => ({ line: range.start.line, message })),
      })
      .catch(() => undefined); // The server is gone, and is told again when it is back.
  };
  const reportSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(report, PAUSE_MS);
  };
  const listeners = [
    languages.onDidChangeDiagnostics(({ uris }) => {
      const active = window.activeTextEditor?.document.uri.toString();
      if (uris.some((uri) => uri.toString() === active)) {
        reportSoon();
      }
    }),
    window.onDidChangeActiveTextEditor(reportSoon),
  ];
  reportSoon();
  return Disposable.from(...listeners, {
    dispose: () => {
      clearTimeout(timer);
    },
  });
}

function isSerious({ severity }: Diagnostic): boolean {
  return severity === DiagnosticSeverity.Error || severity === DiagnosticSeverity.Warning;
}
