// execution.js - which virtual user runs: asynchronous calls keep it.
import { AsyncLocalStorage } from 'node:async_hooks';

export const running = new AsyncLocalStorage();

export default { vu: { get idInTest() { return (running.getStore() ?? { id: 0 }).id; } } };
