/** Restricted Mode: what is not done in it, and the way out. */
import { commands, window, workspace } from "vscode";
import { MANAGE_TRUST, RESTRICTED } from "./core/trust";

class Restricted extends Error {
  constructor() {
    super(RESTRICTED);
  }
}

/** Throws with a message for the user where the workspace is not trusted. */
export function requireTrust(): void {
  if (!workspace.isTrusted) {
    throw new Restricted();
  }
}

export async function manageTrust(): Promise<void> {
  await commands.executeCommand("workbench.trust.manage");
}

/** Says why what the user asked for was not done. */
export async function showFailure(error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error);
  const buttons = error instanceof Restricted ? [MANAGE_TRUST] : [];
  if ((await window.showWarningMessage(message, ...buttons)) === MANAGE_TRUST) {
    await manageTrust();
  }
}
