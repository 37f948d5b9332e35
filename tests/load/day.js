// day.js - a day of the shop in little: quiet, filling, the show that everybody watches, and the night; all calls mixed.
import { any, arriving, baseline, browsers, detail, handleSummary, list, part, people, SECONDS, withBaseline } from './shop.js';
import { change } from './alarms.js';
import { first, second } from './visits.js';

export { baseline, change, first, handleSummary, second };
export const setup = people;

const PEAK = Number(__ENV.PEAK || 150); // iterations a second while the show is on
const stage = (share, target) => ({ target: Math.max(1, Math.round(PEAK * target)), duration: `${Math.max(1, Math.round(SECONDS * share))}s` });

export const options = withBaseline({
	day: {
		executor: 'ramping-arrival-rate', exec: 'customer', startRate: Math.max(1, Math.round(PEAK * 0.1)), timeUnit: '1s',
		preAllocatedVUs: 20, maxVUs: 100,
		stages: [stage(0.2, 0.1), stage(0.2, 0.5), stage(0.05, 1), stage(0.25, 1), stage(0.1, 0.4), stage(0.2, 0.05)],
	},
	alarms: arriving(5, 'change', 30),
	first: arriving(1, 'first', 1),
	second: arriving(1, 'second', 1),
});

// Most of them page through the list, some read on.
export async function customer(all) {
	const person = any(browsers(all));
	const what = Math.random();

	if (what < 0.2)
		await list(person);
	else if (what < 0.7)
		await part(person, 20, any(person.items));
	else
		await detail(person, any(person.items));
}
