// metrics.js - the metrics of k6: each collects values, and gives its aggregates when asked.
export const all = new Map();

class Metric {
	constructor(name) {
		if (all.has(name))
			return all.get(name);
		this.name = name;
		all.set(name, this);
	}
}

export class Counter extends Metric {
	type = 'counter';
	count = 0;
	add(value) { this.count += Number(value); }
	values() { return { count: this.count }; }
}

export class Rate extends Metric {
	type = 'rate';
	passes = 0;
	fails = 0;
	add(value) { this[value ? 'passes' : 'fails']++; }
	values() { return { rate: this.passes / Math.max(1, this.passes + this.fails), passes: this.passes, fails: this.fails }; }
}

export class Trend extends Metric {
	type = 'trend';
	samples = [];
	add(value) { this.samples.push(value); }

	// Between two samples, as k6 does it.
	percentile(sorted, p) {
		const at = (sorted.length - 1) * p / 100;
		const below = sorted[Math.floor(at)];
		return below + (sorted[Math.ceil(at)] - below) * (at % 1);
	}

	values() {
		const sorted = [...this.samples].sort((a, b) => a - b);
		if (sorted.length === 0)
			return { count: 0 };
		return {
			count: sorted.length, min: sorted[0], max: sorted[sorted.length - 1], med: this.percentile(sorted, 50),
			avg: sorted.reduce((a, b) => a + b) / sorted.length,
			'p(95)': this.percentile(sorted, 95), 'p(99)': this.percentile(sorted, 99),
		};
	}
}

export const checks = new Rate('checks');
export const iterations = new Counter('iterations');
export const dropped = new Counter('dropped_iterations');
export const failed = new Rate('http_req_failed');
export const duration = new Trend('http_req_duration');
