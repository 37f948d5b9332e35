// shop.js - what the load scripts share: where the shop is, its calls with their checks, limits beside a baseline, the summary.
//
// Each script also runs the scenario "baseline": the simplest request there is, at a low rate, beside the others. The service's
// event loop answers it with 404 without asking anybody, so it takes what the machine, the network and this program take
// just then. Limits of latency are multiples of it: a slow or noisy machine is slow for both.
import http from 'k6/http';
import exec from 'k6/execution';
import { check } from 'k6';
import { setTimeout } from 'k6/timers';
import { Counter, Trend } from 'k6/metrics';

const ITEMS = __ENV.ITEM_URL || 'http://127.0.0.1:5001';
const ALARMS = __ENV.ALARM_URL || 'http://127.0.0.1:6001';
const USERS = __ENV.USER_URL || 'http://127.0.0.1:7001';
const SAMPLE_TOKEN = '4a49145e-45a8-4845-af45-1af2a59bb044';

export const SECONDS = Number(__ENV.LENGTH_S || 15);
const SEEN_WITHIN_MS = 5000; // a change at the neighbours; longer than any pause of a busy machine, the time itself is shown
const LOOK_AGAIN_MS = 20;
const LEAST_MS = 1; // a baseline below it says nothing: multiples are of this then

// Of fewer calls a p95 or p99 is one call's bad luck: it is shown, not judged.
const ENOUGH = [100, 500];

// Each call: how many times slower than the baseline its p95 and p99 may be.
const LIMITS = {
	nothing: [1, 1],
	list: [12, 12],
	part: [12, 12],
	detail: [12, 12],
	set: [15, 15],
	unset: [15, 15],
	alarms: [12, 12],
	visits: [12, 12],
};
const took = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, new Trend(`call_${name}`, true)]));
const seen = new Trend('seen_by_neighbour', true);
const degraded = new Counter('degraded_answers');

// ---- scenarios ----

// An open model: iterations begin at this rate however long the ones before take.
export function arriving(perSecond, run, most = 50) {
	return {
		executor: 'constant-arrival-rate', exec: run, rate: perSecond, timeUnit: '1s', duration: `${SECONDS}s`,
		preAllocatedVUs: Math.min(most, 5), maxVUs: most,
	};
}

export function withBaseline(scenarios, thresholds = {}) {
	return {
		scenarios: { baseline: arriving(20, 'baseline'), ...scenarios },
		thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'], ...thresholds },
		summaryTrendStats: ['count', 'med', 'p(95)', 'p(99)', 'max'],
	};
}

export async function baseline(people) {
	await call('nothing', 404, 'GET', `${ITEMS}/a/b`, people[0].token);
}

// ---- calls: each one checks status, form and order, and returns the document, or null ----

async function call(name, status, method, url, token, body) {
	const answer = await http.asyncRequest(method, url, body === undefined ? null : JSON.stringify(body), {
		headers: { 'USER-TOKEN': token }, responseCallback: http.expectedStatuses(status), tags: { name }, timeout: '5s',
	});
	took[name].add(answer.timings.duration);
	if (answer.headers.Degraded !== undefined) {
		degraded.add(1);
		check(answer, { 'Degraded names alarms only': (a) => /^alarms(;age=\d+)?$/.test(a.headers.Degraded) });
	}
	return check(answer, { [`${name}: ${status}`]: (a) => a.status === status }) ? answer : null;
}

const descending = (rows) => rows.every((row, i) => i === 0 || row.id < rows[i - 1].id);
const flagged = (rows) => rows.every((row) => typeof row.is_alarm_set === 'boolean');

export async function list(person) {
	const answer = await call('list', 200, 'GET', `${ITEMS}/`, person.token);
	const all = answer && answer.json();
	return all && check(all, {
		'list: whole, newest first, each with a flag': (a) => a.count === a.payload.length && descending(a.payload) && flagged(a.payload),
	}) ? all : null;
}

export async function part(person, limit, before) {
	const answer = await call('part', 200, 'GET', `${ITEMS}/?limit=${limit}&before=${before}`, person.token);
	const some = answer && answer.json();
	return some && check(some, {
		'part: what was asked for, newest first': (s) => s.payload.length <= limit && s.count >= s.payload.length &&
			descending(s.payload) && flagged(s.payload) && s.payload.every((row) => row.id < before),
	}) ? some : null;
}

export async function detail(person, id) {
	const answer = await call('detail', 200, 'GET', `${ITEMS}/${id}`, person.token);
	const item = answer && answer.json();
	return item && check(item, { 'detail: the item asked for': (i) => i.payload.id === id && flagged([i.payload]) }) ? item.payload : null;
}

export async function alarms(person) {
	const answer = await call('alarms', 200, 'GET', `${ALARMS}/`, person.token);
	const all = answer && answer.json();
	return all && check(all, {
		'alarms: whole, newest first, all set': (a) => a.count === a.payload.length && descending(a.payload) &&
			a.payload.every((row) => row.is_alarm_set === true),
	}) ? all.payload.map((row) => row.id) : null;
}

export async function visits(person) {
	const answer = await call('visits', 200, 'GET', `${USERS}/visit`, person.token);
	const last = answer && answer.json();
	return last && check(last, {
		'visits: at most three, each with a flag': (l) => l.count === l.payload.length && l.count <= 3 && flagged(l.payload),
	}) ? last.payload.map((row) => row.id) : null;
}

// Whether the item list leans on nothing old now.
export async function fresh(person) {
	const answer = await http.asyncRequest('GET', `${ITEMS}/`, null, { headers: { 'USER-TOKEN': person.token } });
	return answer.status === 200 && answer.headers.Degraded === undefined;
}

export const setAlarm = (person, id) => call('set', 201, 'POST', `${ALARMS}/`, person.token, { item_id: String(id) });
export const unsetAlarm = (person, id) => call('unset', 200, 'DELETE', `${ALARMS}/`, person.token, { item_id: String(id) });

// ---- changes that travel ----

// Asks again until <look> is content; how long that took is a measurement, and too long a failed check.
export async function soon(what, look) {
	const began = Date.now();
	let there = await look();

	while (!there && Date.now() - began < SEEN_WITHIN_MS) {
		await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS));
		there = await look();
	}
	seen.add(Date.now() - began);
	check(there, { [`${what}: seen within ${SEEN_WITHIN_MS} ms`]: (t) => t === true });
}

// ---- people ----

// All people of the shop, by id, each with the items that have no alarm. To be returned by setup().
export async function people() {
	const answer = await http.asyncRequest('GET', `${USERS}/`, null, { headers: { 'USER-TOKEN': SAMPLE_TOKEN } });
	if (answer.status !== 200)
		throw new Error(`no shop at ${USERS}: ${answer.status} ${answer.error}`);
	const all = answer.json().payload.map((row) => ({ id: row.id, token: row.access_token }));
	for (const person of all) {
		const items = await http.asyncRequest('GET', `${ITEMS}/`, null, { headers: { 'USER-TOKEN': person.token } });
		person.items = items.json().payload.map((row) => row.id);
		person.free = items.json().payload.filter((row) => row.is_alarm_set === false).map((row) => row.id);
	}
	return all.sort((a, b) => a.id - b.id);
}

export const VISITORS = 3; // the first ones only visit, so that the order of their visits is known
export const any = (of) => of[Math.floor(Math.random() * of.length)];
// Whose visits nobody looks at, and whose alarms are changed. The last one is the failure script's.
export const browsers = (all) => all.slice(VISITORS, -1);

// A pair of person and item without an alarm that no other virtual user has at this time.
export function ownPair(all) {
	const pairs = browsers(all).flatMap((person) => person.free.map((id) => ({ person, id })));
	return pairs[exec.vu.idInTest % pairs.length];
}

// ---- the end ----

const number = (value) => (value === undefined ? '-' : value.toFixed(1)).padStart(9);

// Lines of the table; what is over its limit is added to <wrong>.
function compare(metrics, wrong) {
	const base = metrics.call_nothing.values;
	const lines = [];

	for (const [name, limits] of Object.entries(LIMITS)) {
		const metric = metrics[`call_${name}`];
		if (metric === undefined || !metric.values.count)
			continue;
		const v = metric.values;
		const ratios = ['p(95)', 'p(99)'].map((p) => v[p] / Math.max(base[p], LEAST_MS));
		lines.push(`${name.padEnd(20)}${String(v.count).padStart(9)}${[v.med, v['p(95)'], v['p(99)'], ...ratios].map(number).join('')}`);
		ratios.forEach((ratio, i) => {
			if (v.count >= ENOUGH[i] && ratio > limits[i])
				wrong.push(`${name}: p${[95, 99][i]} is ${ratio.toFixed(1)} times the baseline's, ${limits[i]} are allowed`);
		});
	}
	return lines;
}

function failures(data) {
	const wrong = data.root_group.checks.filter((c) => c.fails > 0).map((c) => `${c.fails} of ${c.passes + c.fails} failed: ${c.name}`);

	for (const [name, metric] of Object.entries(data.metrics))
		for (const [rule, outcome] of Object.entries(metric.thresholds || {}))
			if (!outcome.ok)
				wrong.push(`${name} is not ${rule}`);
	return wrong;
}

export function handleSummary(data) {
	const m = data.metrics;
	const wrong = failures(data);
	const head = `${'call'.padEnd(20)}${['count', 'p50 ms', 'p95', 'p99', 'p95 x', 'p99 x'].map((t) => t.padStart(9)).join('')}`;
	const text = [head, ...compare(m, wrong)];

	if (m.seen_by_neighbour !== undefined && m.seen_by_neighbour.values.count) {
		const v = m.seen_by_neighbour.values;
		text.push(`${'seen by neighbour'.padEnd(20)}${String(v.count).padStart(9)}${[v.med, v['p(95)'], v['p(99)']].map(number).join('')}`);
	}
	text.push(`${m.checks.values.passes} checks passed, ${m.checks.values.fails} failed; ` +
		`${m.dropped_iterations === undefined ? 0 : m.dropped_iterations.values.count} iterations could not begin in time`);
	text.push(...wrong.map((line) => `FAILED ${line}`), '');
	const out = { stdout: text.join('\n') };
	if (__ENV.SUMMARY)
		out[__ENV.SUMMARY] = JSON.stringify({ wrong, text, metrics: m });
	return out;
}
