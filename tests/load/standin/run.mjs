// run.mjs - runs a load script where k6 is not: the part of k6 that our scripts use, on Node.js alone.
//
// node tests/load/standin/run.mjs [--dry] SCRIPT…    settings come from the environment; --dry only loads the scripts and looks at
//                                                     their options. Exit status: 0, 99 a threshold failed (as k6), 1 anything else.
//
// One thread sends everything, so its own work is in the times that it measures, the baseline's included.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const EXECUTORS = ['constant-arrival-rate', 'ramping-arrival-rate'];

// Scripts and stand-in side by side in a folder of their own, where "k6/http" is found as a package.
export function layOut() {
	const folder = mkdtempSync(join(tmpdir(), 'moa-load-'));

	process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
	cpSync(join(HERE, '..'), folder, { recursive: true, filter: (from) => !from.startsWith(HERE) });
	mkdirSync(join(folder, 'node_modules'));
	cpSync(join(HERE, 'k6'), join(folder, 'node_modules', 'k6'), { recursive: true });
	writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
	return folder;
}

const seconds = (text) => {
	if (!/^\d+(\.\d+)?s$/.test(text))
		throw new Error(`not a duration in seconds: ${text}`);
	return parseFloat(text);
};

// Stages as [length in s, rate at its begin, rate at its end].
function stagesOf(s) {
	let rate = s.startRate;
	if (s.executor === 'constant-arrival-rate')
		return [[seconds(s.duration), s.rate, s.rate]];
	return s.stages.map(({ target, duration }) => {
		const stage = [seconds(duration), rate, target];
		rate = target;
		return stage;
	});
}

// How many iterations should have begun <t> seconds after the start; the area under the rate.
function due(stages, t) {
	let sum = 0;
	for (const [length, from, to] of stages) {
		const part = Math.min(t, length);
		if (part <= 0)
			break;
		sum += part * (from + (from + (to - from) * part / length)) / 2;
		t -= length;
	}
	return Math.floor(sum);
}

// What is wrong with a script's options; they are ours, so one complaint is enough.
function examine(script) {
	for (const [name, s] of Object.entries(script.options.scenarios)) {
		if (!EXECUTORS.includes(s.executor) || s.timeUnit !== '1s')
			throw new Error(`${name}: executor ${s.executor}, unit ${s.timeUnit}`);
		if (typeof script[s.exec] !== 'function')
			throw new Error(`${name}: the script exports no function ${s.exec}`);
		if (!(s.maxVUs >= s.preAllocatedVUs) || !(due(stagesOf(s), Infinity) > 0))
			throw new Error(`${name}: ${JSON.stringify(s)}`);
	}
	for (const rules of Object.values(script.options.thresholds))
		rules.forEach(parseRule);
}

function parseRule(rule) {
	const [, what, operator, bound] = /^(\w+(?:\(\d+\))?)(<=|>=|==|<|>)([\d.]+)$/.exec(rule) ?? [];
	if (what === undefined)
		throw new Error(`not a threshold: ${rule}`);
	return { what, operator, bound: Number(bound) };
}

function holds(rule, values) {
	const { what, operator, bound } = parseRule(rule);
	const value = values[what];
	return { '<': value < bound, '>': value > bound, '<=': value <= bound, '>=': value >= bound, '==': value === bound }[operator];
}

// One scenario from its start to the end of its last iteration.
async function play(k6, run, scenario, data, nextId) {
	const stages = stagesOf(scenario);
	const length = stages.reduce((sum, [s]) => sum + s, 0);
	const idle = [], under = new Set(), start = performance.now();
	let users = 0, begun = 0;

	const begin = () => {
		if (idle.length === 0 && users === scenario.maxVUs)
			return k6.metrics.dropped.add(1);
		const user = idle.pop() ?? (users++, { id: nextId() });
		const iteration = k6.execution.running.run(user, async () => run(data))
			.catch((error) => { console.error(`iteration: ${error.stack}`); k6.metrics.checks.add(false); })
			.finally(() => { idle.push(user); under.delete(iteration); k6.metrics.iterations.add(1); });
		under.add(iteration);
	};
	for (let t = 0; t < length;) {
		t = (performance.now() - start) / 1000;
		for (const wanted = due(stages, t); begun < wanted; begun++)
			begin();
		await new Promise((tick) => setTimeout(tick, 2));
	}
	await Promise.all(under);
}

function summary(k6, thresholds) {
	const metrics = {};

	for (const [name, metric] of k6.metrics.all) {
		metrics[name] = { type: metric.type, values: metric.values() };
		for (const rule of thresholds[name] ?? []) {
			metrics[name].thresholds ??= {};
			metrics[name].thresholds[rule] = { ok: holds(rule, metrics[name].values) };
		}
	}
	return { metrics, root_group: { checks: [...k6.index.outcomes.values()] } };
}

export async function load(folder, name) {
	const from = join(folder, 'node_modules', 'k6');
	const k6 = {};

	for (const module of ['index', 'metrics', 'execution'])
		k6[module] = await import(pathToFileURL(join(from, `${module}.js`)));
	globalThis.__ENV = process.env;
	const script = await import(pathToFileURL(join(folder, basename(name))));
	examine(script);
	return { k6, script };
}

async function main(words) {
	const dry = words[0] === '--dry';
	const names = dry ? words.slice(1) : words;
	const folder = layOut();

	if (names.length === 0 || (!dry && names.length > 1))
		throw new Error('usage: run.mjs SCRIPT, or run.mjs --dry SCRIPT…');
	if (dry) {
		for (const name of names)
			await load(folder, name);
		return 0;
	}
	const { k6, script } = await load(folder, names[0]);
	let users = 0;
	const data = script.setup ? await script.setup() : undefined;
	await Promise.all(Object.values(script.options.scenarios).map((s) => play(k6, script[s.exec], s, data, () => ++users)));
	if (script.teardown)
		await script.teardown(data);
	const result = summary(k6, script.options.thresholds);
	for (const [file, text] of Object.entries(script.handleSummary(result)))
		file === 'stdout' ? process.stdout.write(text) : writeFileSync(file, text);
	return Object.values(result.metrics).some((m) => Object.values(m.thresholds ?? {}).some((t) => !t.ok)) ? 99 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
	process.exit(await main(process.argv.slice(2)));
