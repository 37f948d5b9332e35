// failure.js - the same answers while alarm_svc, its database and its Redis are dead: all 200, each flag right.
//
// Whoever runs this kills the three about 6 s after the start, and starts them again 10 s later: tests/load/run does.
// Answers say that they lean on old alarms then, which is checked too, and at the end that this is over.
import { check } from 'k6';
import { setTimeout } from 'k6/timers';
import { any, arriving, baseline, detail, fresh, handleSummary, list, people, setAlarm, unsetAlarm, visits, withBaseline } from './shop.js';

export { baseline, handleSummary };
export const options = withBaseline({
	lists: arriving(20, 'wholeList'), details: arriving(20, 'oneItem'), recent: arriving(20, 'recent'),
}, { degraded_answers: ['count>0'] });

const ALARMS = 5;
const RECOVERS_WITHIN_MS = 20000;
const watcher = (all) => all[all.length - 1]; // nobody else changes this one's alarms

export async function setup() {
	const all = await people();
	const one = watcher(all);

	one.ours = one.free.slice(0, ALARMS);
	for (const id of one.ours)
		await setAlarm(one, id);
	one.set = one.items.filter((id) => !one.free.includes(id)).concat(one.ours).sort((a, b) => b - a);
	await until(1000, async () => flags(await list(one)) === String(one.set));
	return all;
}

const flags = (all) => all && String(all.payload.filter((row) => row.is_alarm_set).map((row) => row.id));

export async function wholeList(all) {
	const one = watcher(all);
	check(flags(await list(one)), { 'list: all flags right': (f) => f === String(one.set) });
}

export async function oneItem(all) {
	const one = watcher(all);
	const id = any(one.items);
	check(await detail(one, id), { 'detail: flag right': (item) => item !== null && item.is_alarm_set === one.set.includes(id) });
}

export const recent = (all) => visits(watcher(all));

// Repeats <look> until it is true; whether that was so in time.
async function until(ms, look) {
	const end = Date.now() + ms;

	while (!await look()) {
		if (Date.now() > end)
			return false;
		await new Promise((done) => setTimeout(done, 100));
	}
	return true;
}

// Nothing is left of it: fresh answers, and alarms can be changed.
export async function teardown(all) {
	const one = watcher(all);

	check(await until(RECOVERS_WITHIN_MS, () => fresh(one)), { 'fresh again': (f) => f });
	for (const id of one.ours)
		await unsetAlarm(one, id);
}
