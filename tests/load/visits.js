// visits.js - people look at items one after the other; user_svc soon lists the last three of them, latest first.
import { any, arriving, baseline, detail, handleSummary, people, soon, visits, withBaseline } from './shop.js';

export { baseline, handleSummary };
export const setup = people;
// One virtual user each: nobody else visits anything as this person.
export const options = withBaseline({
	first: arriving(2, 'first', 1), second: arriving(2, 'second', 1), third: arriving(2, 'third', 1),
});

export async function visitor(person) {
	const items = [];

	while (items.length < 3) {
		const id = any(person.items);
		if (!items.includes(id))
			items.push(id);
	}
	for (const id of items)
		await detail(person, id);
	const wanted = items.reverse().join();
	await soon('visits', async () => String(await visits(person)) === wanted);
}

export const first = (all) => visitor(all[0]);
export const second = (all) => visitor(all[1]);
export const third = (all) => visitor(all[2]);
