/* conf_page.c - the options of imapd.conf as part of a manual page */
#include "imap/admin/conf_page.h"

#include "lib/conf.h"

#include <string.h>

enum { LINE_WIDTH = 72 };

/* A paragraph while it is filled. */
struct fill {
	struct buf *page;
	size_t column;
};

static void
end_line(struct fill *f)
{
	if (f->column > 0)
		buf_addc(f->page, '\n');
	f->column = 0;
}

/* Nothing in a text is a request or an escape. */
static void
add_escaped(struct buf *page, struct str s)
{
	if (s.n > 0 && (s.p[0] == '.' || s.p[0] == '\''))
		buf_adds(page, "\\&");
	for (size_t i = 0; i < s.n; i++) {
		buf_addc(page, s.p[i]);
		if (s.p[i] == '\\')
			buf_addc(page, 'e');
	}
}

/* "deliver(8)," is a reference: NAME, its SECTION and what FOLLOWS. */
static bool
is_reference(struct str word, struct str *name, char *section, struct str *follows)
{
	size_t at = str_chr(word, '(');

	if (at == 0 || at + 2 >= word.n || word.p[at + 1] < '1' || word.p[at + 1] > '9' ||
	    word.p[at + 2] != ')')
		return false;
	*name = str_slice(word, 0, at);
	*section = word.p[at + 1];
	*follows = str_slice(word, at + 3, word.n);
	return follows->n <= 1;
}

/* A new sentence begins on a new line, as mdoc wants it. */
static void
add_word(struct fill *f, struct str word)
{
	struct str name, follows;
	char section;

	if (is_reference(word, &name, &section, &follows)) {
		end_line(f);
		buf_printf(f->page, ".Xr %.*s %c%s%.*s\n", STR_ARG(name), section,
		    follows.n > 0 ? " " : "", STR_ARG(follows));
		return;
	}
	if (f->column + 1 + word.n > LINE_WIDTH)
		end_line(f);
	if (f->column > 0)
		buf_addc(f->page, ' ');
	f->column += word.n + (f->column > 0);
	add_escaped(f->page, word);
	if (str_ends(word, STR(".")))
		end_line(f);
}

static void
add_text(struct buf *page, const char *text)
{
	struct fill f = { .page = page };
	struct str rest = str_c(text), word;

	while (str_next_word(&rest, &word))
		add_word(&f, word);
	end_line(&f);
}

/* In a macro line a value with blanks is one argument only in quotes. */
static void
add_argument(struct buf *page, const char *value)
{
	buf_adds(page, " \"");
	add_escaped(page, str_c(value));
	buf_addc(page, '"');
}

static const char *
type_word(enum conf_type type)
{
	switch (type) {
	case CONF_STRING:
		return "string";
	case CONF_SWITCH:
		return "switch";
	case CONF_INT:
		return "number";
	case CONF_DURATION:
		return "duration";
	case CONF_SIZE:
		return "size";
	case CONF_ENUM:
		return "word";
	case CONF_LIST:
		return "words";
	case CONF_PATH:
		return "path";
	}
	return "value";
}

/* What the type's word alone does not tell. */
static void
add_range(struct buf *page, const struct conf_option *o)
{
	struct buf line = BUF_INIT;

	if (*o->unit_or_values == '\0')
		return;
	if (o->type == CONF_DURATION || o->type == CONF_SIZE) {
		buf_printf(&line, "A number without a unit counts as if followed by \"%s\".",
		    o->unit_or_values);
	} else {
		buf_adds(&line, "The value is ");
		conf_describe(o, &line);
		buf_addc(&line, '.');
	}
	add_text(page, line.p);
	buf_free(&line);
}

static void
add_option(struct buf *page, const struct conf_option *o)
{
	buf_printf(page, ".It Cm %s : Ar %s", o->name, type_word(o->type));
	if (o->default_ != NULL && *o->default_ != '\0') {
		buf_adds(page, " Pq default :");
		add_argument(page, o->default_);
	}
	buf_addc(page, '\n');
	add_text(page, o->text);
	add_range(page, o);
}

static void
add_families(struct buf *page)
{
	const struct conf_family *f;

	buf_adds(page, ".Ss Options whose names are open\n.Bl -tag -width Ds\n");
	for (size_t i = 0; (f = conf_family(i)) != NULL; i++) {
		buf_printf(page, ".It Cm %.*s Ns Ar %s : Ar %s\n", STR_ARG(str_c(f->prefix)),
		    f->pattern + strlen(f->prefix), type_word(f->type));
		add_text(page, f->text);
	}
	buf_adds(page, ".El\n");
}

static void
add_old_names(struct buf *page)
{
	const struct conf_old_name *old;

	buf_adds(page, ".Ss Names of other versions\n"
	    "These are understood as the options that took their place.\n"
	    ".Bl -tag -width Ds -compact\n");
	for (size_t i = 0; (old = conf_old_name(i)) != NULL; i++)
		buf_printf(page, ".It Cm %s\n.Cm %s\n", old->name, conf_option(old->now)->name);
	buf_adds(page, ".El\n");
}

void
conf_page(struct buf *page)
{
	bool is_open = false;

	for (enum conf_opt o = 0; o < CONF_OPTIONS; o++) {
		const char *title = conf_group(o);

		if (title != NULL) {
			buf_printf(page, "%s.Ss %s\n.Bl -tag -width Ds\n",
			    is_open ? ".El\n" : "", title);
			is_open = true;
		}
		add_option(page, conf_option(o));
	}
	buf_adds(page, ".El\n");
	add_families(page);
	add_old_names(page);
}
