// http.js - asyncRequest() of k6 on kept connections, one for each request under way.
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { duration, failed } from './metrics.js';

const agent = new Agent({ keepAlive: true });

// As Go writes the names of header fields, which k6 gives to scripts.
const canonical = (name) => name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

function answered(sent, message, parts) {
	const body = Buffer.concat(parts).toString();
	const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [canonical(name), String(value)]));

	return { status: message.statusCode, headers, body, error: '', timings: { duration: performance.now() - sent }, json: () => JSON.parse(body) };
}

const refused = (sent, error) => ({
	status: 0, headers: {}, body: null, error: error.message, timings: { duration: performance.now() - sent }, json: () => null,
});

function exchange(method, url, body, params) {
	const headers = { ...params.headers };
	let sent = performance.now();

	if (body !== null)
		headers['Content-Length'] = Buffer.byteLength(body);
	return new Promise((done) => {
		const out = request(url, { method, headers, agent, timeout: parseFloat(params.timeout ?? '60s') * 1000 });
		out.on('socket', (socket) => { // connecting is not counted, as in k6
			sent = performance.now();
			if (socket.connecting)
				socket.once('connect', () => { sent = performance.now(); });
		});
		out.on('response', (message) => {
			const parts = [];
			message.on('data', (piece) => parts.push(piece));
			message.on('end', () => done(answered(sent, message, parts)));
			message.on('error', (error) => done(refused(sent, error)));
		});
		out.on('timeout', () => out.destroy(new Error('request timeout')));
		out.on('error', (error) => done(refused(sent, error)));
		out.end(body ?? undefined);
	});
}

export default {
	expectedStatuses: (...statuses) => (status) => statuses.includes(status),
	async asyncRequest(method, url, body, params = {}) {
		const answer = await exchange(method, url, body, params);
		const expected = params.responseCallback ?? ((status) => status >= 200 && status < 400);

		duration.add(answer.timings.duration);
		failed.add(!expected(answer.status));
		return answer;
	},
};
