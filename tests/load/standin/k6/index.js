// index.js - check() of k6.
import { checks } from './metrics.js';

export const outcomes = new Map(); // name of a check: { passes, fails }

export function check(value, sets) {
	let all = true;

	for (const [name, holds] of Object.entries(sets)) {
		const ok = Boolean(holds(value));
		if (!outcomes.has(name))
			outcomes.set(name, { name, passes: 0, fails: 0 });
		outcomes.get(name)[ok ? 'passes' : 'fails']++;
		checks.add(ok);
		all = all && ok;
	}
	return all;
}
