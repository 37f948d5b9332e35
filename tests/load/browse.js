// browse.js - people look through the shop: the whole list, a page of it, one item.
import { any, arriving, baseline, browsers, detail, handleSummary, list, part, people, withBaseline } from './shop.js';

export { baseline, handleSummary };
export const setup = people;
export const options = withBaseline({
	lists: arriving(40, 'wholeList'),
	pages: arriving(40, 'page'),
	details: arriving(40, 'oneItem'),
});

export const wholeList = (all) => list(any(browsers(all)));

export async function page(all) {
	const person = any(browsers(all));
	await part(person, 10, any(person.items));
}

export async function oneItem(all) {
	const person = any(browsers(all));
	await detail(person, any(person.items));
}
