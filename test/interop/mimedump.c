/*
 * mimedump - what imap/mime makes of a message, for tests
 *
 * mimedump FILE...: per file a line "FILE name", then blocks, each a line
 * "WHAT LENGTH" and that many bytes: ENVELOPE, BODY and BODYSTRUCTURE as IMAP
 * would send them, SUBJECT decoded, and for every leaf in order BYTES (without
 * its transfer encoding) and TEXT (in UTF-8; both empty if the encoding is
 * unknown).
 */
#include "imap/mime/mime.h"
#include "lib/arena.h"

#include <stdio.h>
#include <stdlib.h>

static struct str
read_file(const char *name, struct buf *b)
{
	FILE *f = fopen(name, "rb");
	size_t n;

	if (f == NULL) {
		perror(name);
		exit(1);
	}
	buf_reset(b);
	while ((n = fread(buf_reserve(b, 65536), 1, 65536, f)) > 0)
		b->n += n;
	fclose(f);
	return buf_str(b);
}

static void
show(const char *what, struct buf *b)
{
	printf("%s %zu\n", what, b->n);
	fwrite(b->p, 1, b->n, stdout);
	putchar('\n');
	buf_reset(b);
}

static void
show_leaves(struct str message, const struct mime_part *part, struct buf *out)
{
	if (part->kind == MIME_LEAF) {
		enum err e = mime_decode_body(message, part, out);

		show("BYTES", out);
		if (e == OK && mime_decode_text(message, part, out) != OK)
			buf_reset(out);
		show("TEXT", out);
	}
	for (const struct mime_part *p = part->child; p != NULL; p = p->next)
		show_leaves(message, p, out);
}

static bool
dump(const char *name, struct buf *file, struct buf *out)
{
	struct arena *arena = arena_new(16 << 20);
	struct str message = read_file(name, file);
	struct mime_part *root;
	struct str subject;

	if (mime_parse(arena, message, &root) != OK)
		return false;
	printf("FILE %s\n", name);
	mime_envelope(message, root, out);
	show("ENVELOPE", out);
	mime_body(message, root, out);
	show("BODY", out);
	mime_bodystructure(message, root, out);
	show("BODYSTRUCTURE", out);
	if (mime_field_value(arena, (struct str){ message.p, root->header_size },
	    "subject", &subject))
		mime_decode_header(subject, out);
	show("SUBJECT", out);
	show_leaves(message, root, out);
	arena_free(arena);
	return true;
}

int
main(int argc, char **argv)
{
	struct buf file = BUF_INIT, out = BUF_INIT;

	for (int i = 1; i < argc; i++)
		if (!dump(argv[i], &file, &out)) {
			fprintf(stderr, "%s: too large\n", argv[i]);
			return 1;
		}
	buf_free(&file);
	buf_free(&out);
	return 0;
}
