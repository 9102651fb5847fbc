/** What is said where the workspace is not trusted. */
export const RESTRICTED = "In Restricted Mode Sparrow completes code and does nothing else.";

/** The button beside it. */
export const MANAGE_TRUST = "Manage Workspace Trust";
