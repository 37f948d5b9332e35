// alarms.js - people set and unset alarms: read back at once from their owner, and soon in the item list.
import { check } from 'k6';
import { alarms, arriving, baseline, handleSummary, ownPair, part, people, setAlarm, soon, unsetAlarm, withBaseline } from './shop.js';

export { baseline, handleSummary };
export const setup = people;
export const options = withBaseline({ changes: arriving(10, 'change') });

// The flag of the item in the item list.
async function flag(person, id) {
	const some = await part(person, 1, id + 1);
	return some !== null && some.payload.length === 1 && some.payload[0].id === id ? some.payload[0].is_alarm_set : null;
}

export async function change(all) {
	const { person, id } = ownPair(all);

	await setAlarm(person, id);
	check(await alarms(person), { 'set: listed at once': (ids) => ids !== null && ids.includes(id) });
	await soon('set', async () => (await flag(person, id)) === true);
	await setAlarm(person, id);
	await unsetAlarm(person, id);
	check(await alarms(person), { 'unset: gone at once': (ids) => ids !== null && !ids.includes(id) });
	await soon('unset', async () => (await flag(person, id)) === false);
}
