/** The chat's view: starts when the page is there. */
import { ChatApp } from "./chatApp";

new ChatApp(document.body).start();
