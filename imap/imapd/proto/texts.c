/* Found by comparing: only clients that chose another language pay for it. */
#include "imap/imapd/proto/texts.h"

#include <string.h>

struct text {
	const char *english;
	const char *german;
};

static const struct text texts[] = {
	{ "Completed", "Erledigt" },
	/* reply.c's errors */
	{ "Mailbox does not exist", "Diesen Ordner gibt es nicht" },
	{ "Mailbox already exists", "Diesen Ordner gibt es schon" },
	{ "Permission denied", "Das ist nicht erlaubt" },
	{ "Login failed: authentication failure", "Anmeldung nicht m\u00f6glich" },
	{ "Over quota", "Der Speicherplatz ist verbraucht" },
	{ "No space left on the server's disk", "Die Platte des Servers ist voll" },
	{ "Too much for one command", "Das ist zu viel f\u00fcr einen Befehl" },
	{ "Invalid arguments", "Falsche Angaben" },
	{ "Invalid mailbox name", "So kann kein Ordner hei\u00dfen" },
	{ "Mailbox is locked", "Der Ordner ist gesperrt" },
	{ "Mailbox is read-only", "Der Ordner kann nur gelesen werden" },
	{ "Mailbox has been deleted", "Der Ordner wurde gel\u00f6scht" },
	{ "Mailbox has an invalid format", "Der Ordner ist besch\u00e4digt" },
	{ "System I/O error", "Fehler beim Lesen oder Schreiben" },
	{ "It failed, perhaps after it was done; look before you try again",
	    "Es kam zu einem Fehler, vielleicht erst danach; bitte nachsehen" },
	{ "Connection closed", "Verbindung beendet" },
	{ "Timed out", "Es hat zu lange gedauert" },
	{ "Somebody else was changing it; try again",
	    "Jemand anders hat es gerade ge\u00e4ndert; bitte noch einmal" },
	{ "Unrecognized character set", "Unbekannter Zeichensatz" },
	{ "Operation is not supported", "Das wird nicht unterst\u00fctzt" },
	/* the loop's */
	{ "Invalid tag", "Ung\u00fcltige Kennung" },
	{ "Null command", "Kein Befehl" },
	{ "Missing required argument to Uid", "Hinter UID fehlt der Befehl" },
	{ "Unrecognized command", "Unbekannter Befehl" },
	{ "Unrecognized UID subcommand", "Unbekannter Befehl hinter UID" },
	{ "Please login first", "Bitte erst anmelden" },
	{ "Already logged in", "Schon angemeldet" },
	{ "Please select a mailbox first", "Bitte erst einen Ordner w\u00e4hlen" },
	{ "IMAP4rev2 has no such command", "Diesen Befehl gibt es in IMAP4rev2 nicht" },
	/* commands' */
	{ "There is no message with that sequence number",
	    "Eine Nachricht mit dieser Nummer gibt es nicht" },
	{ "Some of these messages no longer exist", "Einige dieser Nachrichten gibt es nicht mehr" },
	{ "Too many different keywords in this mailbox",
	    "Zu viele verschiedene Stichw\u00f6rter in diesem Ordner" },
	{ "Too many messages for one command, try fewer",
	    "Zu viele Nachrichten f\u00fcr einen Befehl, bitte weniger" },
	{ "Only those with the highest UIDs, there are too many",
	    "Nur die mit den h\u00f6chsten UIDs, es sind zu viele" },
	{ "Minimum batch size is 500", "Weniger als 500 Nachrichten gehen nicht" },
	{ "You know these batches, and the mailbox is as it was",
	    "Das ist schon bekannt, der Ordner ist wie vorher" },
	{ "Partition does not exist", "Diese Partition gibt es nicht" },
	{ "Quota root does not exist", "Hier gibt es keine Begrenzung" },
	{ "Invalid identifier", "Ung\u00fcltiger Name" },
	{ "Invalid rights", "Ung\u00fcltige Rechte" },
	{ "Still at work", "Noch dabei" },
	{ "User logged in", "Angemeldet" },
	{ "Your mail is on another server", "Ihre Post liegt auf einem anderen Server" },
	{ "No such language", "Diese Sprache gibt es nicht" },
	{ "Expected DONE", "DONE wurde erwartet" },
	/* prefixes of namespaces, see imapd.conf(5) */
	{ "Other Users", "Andere Benutzer" },
	{ "Shared Folders", "Gemeinsame Ordner" },
};

const char *
text_in(enum language l, const char *english)
{
	if (l == LANGUAGE_DEFAULT || l == LANGUAGE_ENGLISH)
		return english;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].english, english) == 0)
			return texts[i].german;
	return english;
}
