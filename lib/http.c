/*
 * The only file that includes libcurl.  Each request is a handle of its own:
 * they are rare, and a connection that is kept open would be copied with the
 * process.
 *
 * The library brings some thirty others with it, which would double what a
 * worker costs to start, and few servers need it.  So it is not linked, but
 * loaded when it is first wanted (http_load()).
 */
#include "lib/http.h"

#include "lib/log.h"

#include <curl/curl.h>
#include <dlfcn.h>

#include <string.h>

/* The functions that are used, each by its own name and type. */
#define FUNCTIONS(EACH) \
	EACH(curl_easy_init) EACH(curl_easy_setopt) EACH(curl_easy_perform) \
	EACH(curl_easy_getinfo) EACH(curl_easy_cleanup) EACH(curl_easy_strerror) \
	EACH(curl_slist_append) EACH(curl_slist_free_all) EACH(curl_free) \
	EACH(curl_url) EACH(curl_url_set) EACH(curl_url_get) EACH(curl_url_cleanup)

#undef curl_easy_setopt
#undef curl_easy_getinfo

static struct {
	void *library;			/* NULL: not loaded yet */
#define MEMBER(name) __typeof__(name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

enum err
http_load(void)
{
	if (lib.library != NULL)
		return OK;
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	bool complete = library != NULL;
#define FIND(name) \
	if (complete && (*(void **)(void *)&lib.name = dlsym(library, #name)) == NULL) \
		complete = false;
	FUNCTIONS(FIND)
#undef FIND
	if (!complete) {
		log_err("HTTP: cannot load libcurl.so.4 (Debian's package libcurl4): %s", dlerror());
		if (library != NULL)
			dlclose(library);
		return ERR_IO;
	}
	lib.library = library;
	return OK;
}

struct answer {
	struct buf *body;
	size_t room;
	bool too_long;
};

static size_t
take(char *p, size_t size, size_t n, void *ctx)
{
	struct answer *a = ctx;
	n *= size;
	if (n > a->room) {
		a->too_long = true;
		return 0;
	}
	a->room -= n;
	buf_add(a->body, p, n);
	return n;
}

enum place { NOWHERE, HERE, ELSEWHERE };

/* Where a URL leads, by the same parser that will be used to go there. */
static enum place
place_of(const char *url)
{
	static const char *const here[] = { "localhost", "127.0.0.1", "[::1]" };
	enum place place = NOWHERE;
	char *scheme = NULL, *host = NULL, *user = NULL;
	CURLU *u = http_load() == OK ? lib.curl_url() : NULL;
	if (u != NULL && lib.curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
	    && lib.curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
	    && lib.curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK
	    && lib.curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER) {
		if (strcmp(scheme, "https") == 0)
			place = ELSEWHERE;
		for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
			if (strcmp(scheme, "http") == 0 && strcmp(host, here[i]) == 0)
				place = HERE;
	}
	if (u != NULL) {
		lib.curl_free(scheme);
		lib.curl_free(host);
		lib.curl_free(user);
		lib.curl_url_cleanup(u);
	}
	return place;
}

bool
http_is_url(const char *url)
{
	return str_istarts(str_c(url), STR("https://")) || str_istarts(str_c(url), STR("http://"));
}

static void
set_up(CURL *c, const struct http_request *r, struct answer *a)
{
	bool is_here = place_of(r->url) == HERE;
	lib.curl_easy_setopt(c, CURLOPT_URL, r->url);
	lib.curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, is_here ? "http" : "https");
	lib.curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	lib.curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)r->timeout_ms);
	lib.curl_easy_setopt(c, CURLOPT_USERAGENT, "Chapar");
	lib.curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	lib.curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	if (is_here)
		lib.curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (r->ca_file != NULL) {
		lib.curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
		lib.curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	if (r->form != NULL) {
		lib.curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->form);
		lib.curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(r->form));
	}
	if (r->user != NULL) {
		lib.curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		lib.curl_easy_setopt(c, CURLOPT_USERNAME, r->user);
		lib.curl_easy_setopt(c, CURLOPT_PASSWORD, r->password != NULL ? r->password : "");
	}
}

enum err
http_fetch(const struct http_request *r, int *status, struct buf *body, struct buf *why)
{
	struct answer a = { .body = body, .room = r->max };
	struct curl_slist *headers = NULL;
	long code = 0;
	CURL *c = place_of(r->url) != NOWHERE ? lib.curl_easy_init() : NULL;
	*status = 0;
	if (c == NULL) {
		buf_printf(why, "%s: neither https nor http to this machine", r->url);
		return ERR_SYNTAX;
	}
	headers = lib.curl_slist_append(NULL, "Accept: application/json");
	lib.curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	set_up(c, r, &a);
	CURLcode rc = lib.curl_easy_perform(c);
	lib.curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	lib.curl_slist_free_all(headers);
	lib.curl_easy_cleanup(c);
	*status = (int)code;
	if (rc == CURLE_OK)
		return OK;
	buf_printf(why, "%s: %s", r->url,
	    a.too_long ? "the answer is too long" : lib.curl_easy_strerror(rc));
	return a.too_long ? ERR_LIMIT : rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO;
}

void
http_add_escaped(struct buf *form, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		    || (c != '\0' && strchr("-._", c) != NULL))
			buf_addc(form, (char)c);
		else
			buf_printf(form, "%%%02X", c);
	}
}
