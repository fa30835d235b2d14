// What ImapFlow (a client library for node) says to a server, in its manner: all
// extensions that it knows are used when they are advertised. Debian 12 has no
// package of it. Usage: node imapflow.js PORT USER PASSWORD; prints "fine".
'use strict';
const tls = require('tls');
const assert = require('assert');

const [port, user, password] = process.argv.slice(2);
let socket, buffer = Buffer.alloc(0), waiting = null, tagNumber = 0;

function take() {
	// One response: a line, with the literals in it.
	let from = 0;
	for (;;) {
		const end = buffer.indexOf('\r\n', from);
		if (end < 0)
			return null;
		const literal = /~?\{(\d+)\}$/.exec(buffer.toString('latin1', from, end));
		if (!literal) {
			const response = buffer.subarray(0, end);
			buffer = buffer.subarray(end + 2);
			return response;
		}
		from = end + 2 + Number(literal[1]);
		if (buffer.length < from)
			return null;
	}
}

function response() {
	return new Promise((resolve, reject) => {
		waiting = { resolve, reject };
		pump();
	});
}

function pump() {
	const r = waiting && take();
	if (r) {
		const { resolve } = waiting;
		waiting = null;
		resolve(r);
	}
}

// PARTS: strings, and Buffers, which become literals; {eight: Buffer} a literal8.
async function exec(...parts) {
	const tag = (++tagNumber).toString(36).toUpperCase();
	const untagged = [];
	let line = tag + ' ';
	for (const part of parts) {
		if (typeof part === 'string') {
			line += part;
			continue;
		}
		const data = part.eight || part;
		socket.write(line + (part.eight ? '~' : '') + '{' + data.length + '}\r\n');
		const r = (await response()).toString();
		assert(r.startsWith('+'), r);
		socket.write(data);
		line = '';
	}
	socket.write(line + '\r\n');
	for (;;) {
		const r = await response();
		const text = r.toString('utf8');
		if (text.startsWith('* ')) {
			untagged.push(text.slice(2));
		} else if (text.startsWith(tag + ' ')) {
			assert(text.startsWith(tag + ' OK'), parts[0] + ': ' + text);
			return { text, untagged };
		} else {
			assert.fail('not expected: ' + text);
		}
	}
}

async function main() {
	socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
	socket.on('data', data => {
		buffer = Buffer.concat([buffer, data]);
		pump();
	});
	socket.on('error', e => waiting && waiting.reject(e));
	assert((await response()).toString().startsWith('* OK'));
	await exec('CAPABILITY');
	await exec('ID ("name" "imapflow" "version" "1.0")');
	const plain = Buffer.from('\0' + user + '\0' + password).toString('base64');
	await exec('AUTHENTICATE PLAIN ' + plain);
	const words = (await exec('CAPABILITY')).untagged.find(u => u.startsWith('CAPABILITY')).split(' ');
	const has = new Set(words);
	for (const name of ['NAMESPACE', 'ENABLE', 'BINARY', 'SPECIAL-USE', 'MOVE', 'UIDPLUS', 'IDLE'])
		assert(has.has(name), name);
	await exec('NAMESPACE');
	const enable = ['CONDSTORE', 'UTF8=ACCEPT', 'QRESYNC'].filter(e => has.has(e));
	await exec('ENABLE ' + enable.join(' '));
	const listed = await exec('LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN))');
	assert(listed.untagged.some(u => u.startsWith('STATUS INBOX (MESSAGES 3 ')), listed.untagged.join());
	const selected = await exec('SELECT INBOX');
	const modseq = /HIGHESTMODSEQ (\d+)/.exec(selected.untagged.join(' '));
	const items = ['UID', 'FLAGS', 'BODYSTRUCTURE', 'ENVELOPE', 'INTERNALDATE', 'RFC822.SIZE']
		.concat(has.has('OBJECTID') ? ['EMAILID', 'THREADID'] : []).concat(modseq ? ['MODSEQ'] : []);
	const all = await exec('FETCH 1:* (' + items.join(' ') + ' BODY.PEEK[HEADER.FIELDS (date)])');
	assert.strictEqual(all.untagged.filter(u => / FETCH \(/.test(u)).length, 3);
	// It appends with a literal8 if there is BINARY.
	const message = Buffer.from('Subject: Gr\u00fc\u00dfe\r\nContent-Type: application/octet-stream\r\n' +
		'Content-Transfer-Encoding: binary\r\n\r\n\0\x01\x02 data\0', 'utf8');
	await exec('CREATE Sent'.replace('Sent', '"INBOX.Sent"'));
	const appended = await exec('APPEND "INBOX.Sent" (\\Seen) "21-Nov-2026 10:00:00 +0000" ', { eight: message });
	assert(/\[APPENDUID \d+ 1\]/.test(appended.text), appended.text);
	await exec('UID STORE 1:2 +FLAGS (\\Flagged)');
	if (modseq)
		assert.strictEqual((await exec(`FETCH 1:* (UID FLAGS) (CHANGEDSINCE ${modseq[1]})`)).untagged
			.filter(u => / FETCH /.test(u)).length, 2);
	const found = await exec(has.has('ESEARCH') ? 'UID SEARCH RETURN (ALL) FLAGGED' : 'UID SEARCH FLAGGED');
	assert(/ALL 1:2|SEARCH 1 2/.test(found.untagged.join(' ')), found.untagged.join());
	const moved = await exec('UID MOVE 1 "INBOX.Sent"');
	assert(moved.untagged.some(u => /COPYUID/.test(u)));
	await exec('STATUS "INBOX.Sent" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN' + (has.has('CONDSTORE') ? ' HIGHESTMODSEQ)' : ')'));
	await exec('SELECT "INBOX.Sent"');
	// It downloads in pieces.
	const size = /BINARY.SIZE\[1\] (\d+)/.exec((await exec('UID FETCH 1 (BINARY.SIZE[1])')).untagged.join());
	assert.strictEqual(Number(size[1]), 9);
	assert((await exec('UID FETCH 1 (UID BINARY.PEEK[1]<3.65536>)')).untagged[0].includes(' data\0'));
	await exec('UID FETCH 2 (UID BODY.PEEK[1.MIME] BODY.PEEK[1]<0.65536>)');
	await exec('UID STORE 2 +FLAGS.SILENT (\\Deleted)');
	await exec('UID EXPUNGE 2');
	socket.write('I IDLE\r\n');
	assert((await response()).toString().startsWith('+'));
	socket.write('DONE\r\n');
	assert((await response()).toString().startsWith('I OK'));
	await exec('GETQUOTAROOT "INBOX.Sent"');
	await exec('LOGOUT');
	socket.end();
	console.log('fine');
}

main().catch(e => {
	console.error(e);
	process.exit(1);
});
