// timers.js - those of the language.
export const setTimeout = globalThis.setTimeout;
