// The library ImapFlow itself (npm; Debian 12 has no package), over QRESYNC and
// CONDSTORE.  Usage: node imapflow_lib.js DIR PORT USER PASSWORD, with the library
// in DIR/node_modules; prints "fine".  USER's INBOX has three messages.
'use strict';
const assert = require('assert');
const path = require('path');

const [dir, port, user, password] = process.argv.slice(2);
const { ImapFlow } = require(path.join(dir, 'node_modules/imapflow'));

function session() {
	return new ImapFlow({ host: '127.0.0.1', port: Number(port), secure: true, qresync: true, logger: false,
		auth: { user, pass: password }, tls: { rejectUnauthorized: false } });
}

// Resolves with the event's data once ACT is done and the event has come.
async function event(client, name, act) {
	const seen = new Promise(resolve => client.once(name, resolve));
	await act();
	return seen;
}

async function all(messages) {
	const found = [];
	for await (const message of messages)
		found.push(message);
	return found;
}

async function main() {
	const a = session(), b = session();
	await a.connect();
	await b.connect();
	assert(a.enabled.has('CONDSTORE') && a.enabled.has('QRESYNC'));
	const box = await a.mailboxOpen('INBOX');
	assert.strictEqual(box.exists, 3);
	const { highestModseq } = box;		// box goes on with the session
	assert(highestModseq > 0n && box.uidValidity > 0n && !box.noModseq);
	await b.mailboxOpen('INBOX');

	const listed = await all(a.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true,
		internalDate: true, size: true, labels: true, threadId: false, headers: ['date', 'subject'] }));
	assert.deepStrictEqual(listed.map(m => m.envelope.subject), ['Number 0', 'Number 1', 'Number 2']);
	assert(listed.every(m => m.emailId && m.modseq > 0n && m.bodyStructure.type === 'text/plain'));

	// What b changes is what a is told, and no more.
	const flags = await event(a, 'flags', async () => {
		await b.messageFlagsAdd('2', ['\\Flagged', 'later'], { uid: true });
		await a.noop();
	});
	assert(flags.uid === 2 && flags.flags.has('\\Flagged') && flags.modseq > highestModseq);
	const changed = await all(a.fetch('1:*', { uid: true, flags: true }, { changedSince: highestModseq }));
	assert.deepStrictEqual(changed.map(m => m.uid), [2]);

	// Nothing with unchangedSince: it sends that behind the flags, where RFC 7162 has no place for it.
	// With QRESYNC an expunge comes by UID (VANISHED).
	const gone = await event(a, 'expunge', async () => {
		await b.messageDelete('1', { uid: true });
		await a.noop();
	});
	assert(gone.vanished && gone.uid === 1);

	const appended = await a.append('INBOX', Buffer.from('Subject: Gr\u00fc\u00dfe\r\n\r\nhere\r\n'), ['\\Seen']);
	assert(appended.uid === 4 && BigInt(appended.uidValidity) === box.uidValidity);
	assert.deepStrictEqual(await a.search({ subject: 'gr\u00fc\u00dfe' }, { uid: true }), [4]);
	await a.mailboxCreate('INBOX.Archive');
	const moved = await a.messageMove('4', 'INBOX.Archive', { uid: true });
	assert.strictEqual(moved.uidMap.get(4), 1);
	const status = await a.status('INBOX.Archive', { messages: true, uidNext: true, highestModseq: true, unseen: true });
	assert(status.messages === 1 && status.uidNext === 2 && status.unseen === 0);
	const { content } = await a.download('3', null, { uid: true });
	let text = '';
	for await (const chunk of content)
		text += chunk;
	assert(text.includes('Hello number 2'));
	assert((await a.list({ statusQuery: { messages: true } })).some(m => m.path === 'INBOX' && m.status.messages === 2));
	assert(await a.getQuota('INBOX') !== undefined);

	// IDLE ends by itself when something comes.
	const idling = a.idle();
	await event(a, 'exists', () => b.append('INBOX', Buffer.from('Subject: new\r\n\r\nnew\r\n')));
	await a.noop();
	await idling;
	await a.logout();
	await b.logout();
	console.log('fine');
}

main().catch(e => {
	console.error(e);
	process.exit(1);
});
