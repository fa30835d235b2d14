/* pop3_reply.c - what a POP3 server says */
#include "imap/door/pop3_reply.h"

#include <string.h>

/* Texts are found by comparing: only who chose another language pays for it. */
static const struct {
	const char *english, *german;
} texts[] = {
	{ "Bye", "Auf Wiedersehen" },
	{ "Begin TLS negotiation now", "Jetzt mit TLS beginnen" },
	{ "List of capabilities follows", "Es folgt, was hier m\u00f6glich ist" },
	{ "List of languages follows", "Es folgen die Sprachen" },
	{ "List of mechanisms follows", "Es folgen die Verfahren" },
	{ "Language changed", "Sprache gewechselt" },
	{ "No such language", "Diese Sprache gibt es nicht" },
	{ "UTF-8 enabled", "UTF-8 eingeschaltet" },
	{ "Send the password", "Jetzt das Passwort" },
	{ "Mailbox open", "Postfach ge\u00f6ffnet" },
	{ "Message marked as deleted", "Nachricht zum L\u00f6schen vorgemerkt" },
	{ "Unique-ids follow", "Es folgen die Kennungen" },
	{ "Top of message follows", "Es folgt der Anfang der Nachricht" },
	/* What was wrong with a command. */
	{ "Unrecognized command", "Unbekannter Befehl" },
	{ "Log in first", "Bitte erst anmelden" },
	{ "You are logged in", "Schon angemeldet" },
	{ "Line is too long", "Die Zeile ist zu lang" },
	{ "This command takes no argument", "Dieser Befehl hat keine Angaben" },
	{ "An argument is missing", "Es fehlt eine Angabe" },
	{ "Too many arguments", "Zu viele Angaben" },
	{ "A number was expected", "Hier muss eine Zahl stehen" },
	{ "No such message", "Diese Nachricht gibt es nicht" },
	{ "Message is marked as deleted", "Diese Nachricht ist zum L\u00f6schen vorgemerkt" },
	{ "Message was removed by another session",
	    "Eine andere Sitzung hat diese Nachricht gel\u00f6scht" },
	{ "Too many bad commands", "Zu viele falsche Befehle" },
	{ "Timed out", "Es hat zu lange gedauert" },
	/* Logging in. */
	{ "Say USER first", "Bitte erst USER" },
	{ "TLS is active already", "TLS l\u00e4uft schon" },
	{ "TLS is not available", "TLS gibt es hier nicht" },
	{ "Not after UTF8", "Nicht hinter UTF8" },
	{ "A password must not be sent without TLS",
	    "Ein Passwort darf nicht ohne TLS kommen" },
	{ "Wrong name or password", "Name oder Passwort ist falsch" },
	{ "You may not do this", "Das ist nicht erlaubt" },
	{ "Passwords cannot be checked now; try again later",
	    "Passw\u00f6rter k\u00f6nnen gerade nicht gepr\u00fcft werden; bitte sp\u00e4ter noch einmal" },
	{ "No such mechanism", "Dieses Verfahren gibt es nicht" },
	{ "Cancelled, or no base64", "Abgebrochen, oder kein Base64" },
	{ "Too many failed logins", "Zu viele vergebliche Anmeldungen" },
	{ "You have logged in a moment ago; try again later",
	    "Die letzte Anmeldung ist noch nicht lange her; bitte sp\u00e4ter noch einmal" },
	{ "The mail store cannot be opened now; try again later",
	    "Die Post ist gerade nicht zu erreichen; bitte sp\u00e4ter noch einmal" },
	/* The store's. */
	{ "There is no such mailbox", "Dieses Postfach gibt es nicht" },
	{ "The mailbox has been deleted", "Das Postfach wurde gel\u00f6scht" },
	{ "The mailbox has moved; connect again",
	    "Das Postfach ist umgezogen; bitte neu verbinden" },
	{ "Permission denied", "Das ist nicht erlaubt" },
	{ "Mailbox is damaged", "Das Postfach ist besch\u00e4digt" },
	{ "Mailbox is locked", "Das Postfach ist gesperrt" },
	{ "The server's disk is full", "Die Platte des Servers ist voll" },
	{ "System error", "Fehler beim Lesen oder Schreiben" },
	{ "It failed, perhaps after it was done; look before you try again",
	    "Es kam zu einem Fehler, vielleicht erst danach; bitte nachsehen" },
};

const char *
pop3_text(enum language l, const char *text)
{
	if (l != LANGUAGE_GERMAN)
		return text;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].english, text) == 0)
			return texts[i].german;
	return text;
}

void
pop3_ok(struct buf *out, enum language l, const char *text)
{
	buf_printf(out, "+OK%s%s\r\n", text != NULL ? " " : "",
	    text != NULL ? pop3_text(l, text) : "");
}

void
pop3_err(struct buf *out, enum language l, const char *code, const char *text)
{
	buf_adds(out, "-ERR ");
	if (code != NULL)
		buf_printf(out, "[%s] ", code);
	buf_printf(out, "%s\r\n", pop3_text(l, text));
}

void
pop3_failed(struct buf *out, enum language l, enum err e)
{
	static const struct {
		enum err e;
		const char *code, *text;
	} known[] = {
		{ ERR_AUTH, "AUTH", "You may not do this" },
		{ ERR_NOTFOUND, "SYS/PERM", "There is no such mailbox" },
		{ ERR_NAME, "SYS/PERM", "There is no such mailbox" },
		{ ERR_DENIED, "SYS/PERM", "Permission denied" },
		{ ERR_READONLY, "SYS/PERM", "Permission denied" },
		{ ERR_CORRUPT, "SYS/PERM", "Mailbox is damaged" },
		{ ERR_STALE, "SYS/PERM", "The mailbox has been deleted" },
		{ ERR_AGAIN, "SYS/TEMP", "The mailbox has moved; connect again" },
		{ ERR_BUSY, "SYS/TEMP", "Mailbox is locked" },
		{ ERR_NOSPACE, "SYS/TEMP", "The server's disk is full" },
		{ ERR_UNKNOWN, "SYS/TEMP",
		    "It failed, perhaps after it was done; look before you try again" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].e == e) {
			pop3_err(out, l, known[i].code, known[i].text);
			return;
		}
	pop3_err(out, l, "SYS/TEMP", "System error");
}

void
pop3_chomp(struct buf *line)
{
	if (str_ends(buf_str(line), STR("\n")))
		buf_truncate(line, line->n - 1);
	if (str_ends(buf_str(line), STR("\r")))
		buf_truncate(line, line->n - 1);
}

void
pop3_split(struct str line, struct pop3_command *c)
{
	size_t space = str_chr(line, ' ');

	c->verb = str_slice(line, 0, space);
	c->has_args = space < line.n;
	c->args = str_slice(line, space + 1, line.n);
}

bool
pop3_word(struct str *args, struct str *word)
{
	size_t space;

	/* Some clients end a line with a space, or put two between words. */
	while (args->n > 0 && *args->p == ' ')
		*args = str_slice(*args, 1, args->n);
	space = str_chr(*args, ' ');
	*word = str_slice(*args, 0, space);
	*args = str_slice(*args, space + 1, args->n);
	return word->n > 0;
}
