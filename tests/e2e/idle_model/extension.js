const { lm, LanguageModelTextPart } = require("vscode");

const MODEL = {
  id: "idle",
  name: "Idle",
  family: "idle",
  version: "1",
  maxInputTokens: 1000,
  maxOutputTokens: 1000,
  capabilities: { toolCalling: true },
  // Both are proposed, and spare the tests to choose it.
  isUserSelectable: true,
  isDefault: true,
};

exports.activate = ({ subscriptions }) => {
  const provider = {
    provideLanguageModelChatInformation: () => [MODEL],
    provideLanguageModelChatResponse: (_model, _messages, _options, progress) => {
      progress.report(new LanguageModelTextPart("I am idle."));
    },
    provideTokenCount: () => 1,
  };
  subscriptions.push(lm.registerLanguageModelChatProvider("idle", provider));
  // The editor asks for models when somebody wants one.
  return lm.selectChatModels({ vendor: "idle" });
};
