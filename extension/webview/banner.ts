/** What has to be said of the model before anything else, such as that there is none. */
import type { ChatState } from "../src/chatProtocol";
import { sentence } from "../src/core/chat/failure";
import { MANAGE_TRUST, RESTRICTED } from "../src/core/trust";
import { element, textButton } from "./elements";

export interface BannerActions {
  readonly setUpModel: () => void;
  readonly manageTrust: () => void;
}

export class Banner {
  readonly element = element("div", {
    class: "banner",
    hidden: true,
    attributes: { role: "status" },
  });

  constructor(private readonly actions: BannerActions) {}

  /** A text says why nothing is known of the model. */
  show(state: ChatState | string): void {
    this.element.replaceChildren();
    this.element.hidden = true;
    if (typeof state === "string") {
      const isRestricted = state === RESTRICTED;
      this.#say(
        state,
        ...(isRestricted ? [textButton(MANAGE_TRUST, this.actions.manageTrust)] : []),
      );
    } else if (!state.hasChatModel) {
      this.#say(
        "No chat model is set up. Sparrow finds the code that a question is about, but explains nothing.",
        textButton("Set Up a Chat Model…", this.actions.setUpModel),
      );
    } else if (state.state === "loading" || state.state === "starting") {
      this.#say(`${state.model || "The model"}: ${state.message || state.state}`);
    } else if (state.state === "error") {
      this.#say(state.message === "" ? "The chat model has failed." : sentence(state.message));
    }
  }

  #say(words: string, ...buttons: readonly HTMLElement[]): void {
    this.element.hidden = false;
    this.element.append(element("span", {}, words), ...buttons);
  }
}
