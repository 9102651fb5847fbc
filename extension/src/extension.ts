/** The composition root: makes the parts and joins them. No part lives here. */
import path from "node:path";
import {
  commands,
  Uri,
  window,
  workspace,
  type ExtensionContext,
  type LogOutputChannel,
} from "vscode";
import { clearApiKey, setApiKey, watchApiKeys } from "./apiKeys";
import { ChatService } from "./chat/chatService";
import { ChatView } from "./chat/chatView";
import { chatCommands } from "./chat/commands";
import { registerParticipant } from "./chat/participant";
import {
  explainCompletion,
  exportTrace,
  registerCommands,
  restartModel,
  showStatistics,
  toggle,
  toggleLanguage,
} from "./commands";
import { ApiKeyStore, Redactor } from "./core/apiKeys";
import { runDoctor } from "./doctor";
import { ReadOnlyDocuments } from "./documents";
import { editByInstruction } from "./edit";
import { EditReview } from "./editReview";
import { FIX_COMMAND, fixIssue, mayRun } from "./fix";
import { chooseExecutable, installWithProgress, updateQuietly, type Folders } from "./installer";
import { startIfInstalled, watchInstalls } from "./installWatch";
import { showMenu } from "./menu";
import { MAY_RUN_COMMAND, RENAME_COMMAND, renameAt } from "./refactor";
import { Server } from "./server";
import { openSettings, SECTION } from "./settings";
import { StatusBar } from "./statusBar";
import { TraceChannel } from "./trace";
import { openSample, openWalkthrough, waitForCompletions } from "./walkthrough";

const WALKTHROUGH_SHOWN = "sparrow.walkthroughShown";

let running: Server | undefined;

export function activate(context: ExtensionContext): void {
  const { id } = context.extension;
  const { version } = context.extension.packageJSON as { version: string };
  const folders: Folders = {
    storage: context.globalStorageUri.fsPath,
    bundle: path.join(context.extensionPath, "server"),
  };
  const output = window.createOutputChannel("Sparrow", { log: true });
  const redactor = new Redactor();
  const trace = new TraceChannel(redactor);
  const apiKeys = new ApiKeyStore(context.secrets, redactor);
  const statusBar = new StatusBar();
  const documents = new ReadOnlyDocuments();
  const review = new EditReview();
  const server = new Server(
    folders.storage,
    { output, trace, redactor },
    statusBar,
    apiKeys,
    () => {
      if (context.globalState.get(WALKTHROUGH_SHOWN) !== true) {
        void context.globalState.update(WALKTHROUGH_SHOWN, true);
        void openWalkthrough(id);
      }
    },
  );
  running = server;
  const chat = new ChatService(server);
  const chatView = new ChatView(context.extensionUri, chat);

  context.subscriptions.push(
    output,
    trace,
    statusBar,
    documents,
    review,
    chat,
    chatView,
    registerParticipant(chat, Uri.joinPath(context.extensionUri, "media", "icon.png")),
    ...registerCommands({
      menu: async () => {
        await startIfInstalled(server);
        await showMenu(statusBar.statuses, server.indexes);
      },
      install: async () => {
        if (await installWithProgress(folders, output)) {
          await server.start();
        }
      },
      chooseExecutable,
      toggle,
      toggleLanguage,
      explainCompletion: () => explainCompletion(server, documents),
      exportTrace: () => exportTrace(server),
      showStatistics: () => showStatistics(server),
      restartModel: () => restartModel(server),
      restartServer: () => server.start(),
      doctor: () => runDoctor(folders.storage, version, documents, apiKeys),
      setApiKey: () => setApiKey(apiKeys),
      clearApiKey: () => clearApiKey(apiKeys),
      showOutput: () => {
        output.show();
      },
      openSettings: (query = `@ext:${id}`) => openSettings(query),
      openWalkthrough: () => openWalkthrough(id),
      openSample,
      waitForCompletions,
      edit: () => editByInstruction(server, review),
      keepChanges: () => review.keep(),
      rejectChange: () => review.rejectChange(),
      rejectAllChanges: () => review.rejectAll(),
      ...chatCommands(chat, chatView),
    }),
    commands.registerCommand(RENAME_COMMAND, renameAt),
    commands.registerCommand(MAY_RUN_COMMAND, () => mayRun(context.workspaceState)),
    commands.registerCommand(FIX_COMMAND, (uri?: string, told?: string) =>
      fixIssue({ server, documents, state: context.workspaceState }, uri, told),
    ),
    watchInstalls(server, folders.storage),
    watchApiKeys(context.secrets, apiKeys, server, output),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(`${SECTION}.server.path`)) {
        void server.start();
      }
    }),
  );
  void startThenUpdate(server, folders, output);
}

/** The installed server runs while a newer one is put beside it. */
async function startThenUpdate(
  server: Server,
  folders: Folders,
  output: LogOutputChannel,
): Promise<void> {
  await server.start();
  if (await updateQuietly(folders, output)) {
    await server.start();
  }
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}
