/* json.c - just enough JSON for dumps of the list of mailboxes */
#include "lib/json.h"

#include "lib/buf.h"
#include "lib/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct parser {
	struct arena *arena;
	struct str rest;
};

static struct json *parse_value(struct parser *p, int depth);

/* ws */
static void
skip_space(struct parser *p)
{
	while (p->rest.n > 0 && strchr(" \t\r\n", *p->rest.p) != NULL && *p->rest.p != '\0')
		p->rest = str_slice(p->rest, 1, p->rest.n);
}

static bool
take(struct parser *p, char c)
{
	skip_space(p);
	if (p->rest.n == 0 || *p->rest.p != c)
		return false;
	p->rest = str_slice(p->rest, 1, p->rest.n);
	return true;
}

/* 4HEXDIG */
static bool
parse_hex(struct parser *p, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *at;

		if (p->rest.n == 0 || *p->rest.p == '\0')
			return false;
		at = strchr(digits, *p->rest.p | (*p->rest.p >= 'A' ? 0x20 : 0));
		if (at == NULL)
			return false;
		*code = *code * 16 + (uint32_t)(at - digits);
		p->rest = str_slice(p->rest, 1, p->rest.n);
	}
	return true;
}

/* What follows "\u"; two of them may make one character. */
static bool
parse_code(struct parser *p, struct buf *b)
{
	uint32_t code, low;

	if (!parse_hex(p, &code) || code == 0)
		return false;
	if (code >= 0xd800 && code < 0xdc00 && str_starts(p->rest, STR("\\u"))) {
		p->rest = str_slice(p->rest, 2, p->rest.n);
		if (!parse_hex(p, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	utf8_add(b, code);
	return true;
}

/* What follows a backslash. */
static bool
parse_escape(struct parser *p, struct buf *b)
{
	static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *at;
	char c;

	if (p->rest.n == 0 || *p->rest.p == '\0')
		return false;
	c = *p->rest.p;
	p->rest = str_slice(p->rest, 1, p->rest.n);
	if (c == 'u')
		return parse_code(p, b);
	at = strchr(names, c);
	if (at != NULL)
		buf_addc(b, means[at - names]);
	return at != NULL;
}

/* string = quotation-mark *char quotation-mark */
static const char *
parse_string(struct parser *p)
{
	struct buf b = BUF_INIT;
	const char *text = NULL;
	bool ok = take(p, '"');

	while (ok && p->rest.n > 0 && *p->rest.p != '"') {
		char c = *p->rest.p;

		p->rest = str_slice(p->rest, 1, p->rest.n);
		if (c == '\\')
			ok = parse_escape(p, &b);
		else if ((unsigned char)c < ' ')
			ok = false;
		else
			buf_addc(&b, c);
	}
	if (ok && utf8_valid(buf_str(&b)) && take(p, '"'))
		text = arena_copy(p->arena, b.p, b.n);
	buf_free(&b);
	return text;
}

/* begin-object [ member *( value-separator member ) ] end-object, and arrays */
static bool
parse_members(struct parser *p, struct json *j, char end, int depth)
{
	struct json **last = &j->child;

	if (take(p, end))
		return true;
	do {
		const char *key = NULL;

		if (j->kind == JSON_OBJECT &&
		    ((key = parse_string(p)) == NULL || !take(p, ':')))
			return false;
		*last = parse_value(p, depth + 1);
		if (*last == NULL)
			return false;
		(*last)->key = key;
		last = &(*last)->next;
	} while (take(p, ','));
	return take(p, end);
}

/* number, true, false, null */
static const char *
parse_word(struct parser *p)
{
	size_t n = 0;

	while (n < p->rest.n && p->rest.p[n] != '\0' &&
	    strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", p->rest.p[n]) != NULL)
		n++;
	if (n == 0)
		return NULL;
	p->rest = str_slice(p->rest, n, p->rest.n);
	return arena_copy(p->arena, p->rest.p - n, n);
}

static struct json *
parse_value(struct parser *p, int depth)
{
	struct json *j = arena_new_obj(p->arena, struct json);
	bool ok;

	if (j == NULL || depth > JSON_DEPTH)
		return NULL;
	skip_space(p);
	if (take(p, '{')) {
		j->kind = JSON_OBJECT;
		ok = parse_members(p, j, '}', depth);
	} else if (take(p, '[')) {
		j->kind = JSON_ARRAY;
		ok = parse_members(p, j, ']', depth);
	} else {
		j->kind = p->rest.n > 0 && *p->rest.p == '"' ? JSON_STRING : JSON_OTHER;
		j->text = j->kind == JSON_STRING ? parse_string(p) : parse_word(p);
		ok = j->text != NULL;
	}
	return ok ? j : NULL;
}

struct json *
json_parse(struct arena *arena, struct str text, size_t *line)
{
	struct parser p = { arena, text };
	struct json *j = parse_value(&p, 0);

	skip_space(&p);
	*line = 1;
	for (const char *at = text.p; at < p.rest.p; at++)
		*line += *at == '\n';
	return j != NULL && p.rest.n == 0 ? j : NULL;
}

const struct json *
json_get(const struct json *object, const char *key)
{
	const struct json *m = object->kind == JSON_OBJECT ? object->child : NULL;

	while (m != NULL && strcmp(m->key, key) != 0)
		m = m->next;
	return m;
}

const char *
json_text(const struct json *object, const char *key)
{
	const struct json *m = json_get(object, key);

	return m != NULL ? m->text : NULL;
}

void
json_print_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ') {
			printf("\\u%04x", (unsigned char)*s);
			continue;
		}
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('"');
}
