#include "store/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { ID_SIZE = 16 };

#define MAGIC_KEY  "store.magic"
#define FORMAT_KEY "store.format"
#define ID_KEY     "store.id"
#define MAGIC      "sluice"

void format_put(struct store_txn *txn)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", STORE_FORMAT);
	store_put(txn, STORE_META, BYTES(FORMAT_KEY), bytes_str(number));
}

void format_write(struct store_txn *txn)
{
	uint8_t id[ID_SIZE];
	while (getrandom(id, sizeof(id), 0) < 0 && errno == EINTR)
		;
	store_put(txn, STORE_META, BYTES(MAGIC_KEY), BYTES(MAGIC));
	format_put(txn);
	store_put(txn, STORE_META, BYTES(ID_KEY), bytes_of(id, sizeof(id)));
}

/** The number in META, or -1. */
static long format_of(struct bytes text)
{
	char number[16];
	if (text.len == 0 || text.len >= sizeof(number))
		return -1;
	memcpy(number, text.at, text.len);
	number[text.len] = '\0';
	char *end;
	long n = strtol(number, &end, 10);
	return *end ? -1 : n;
}

int format_check(struct store_txn *txn, const char *path, long *ret, struct sl_error *err)
{
	struct bytes val;
	int rc = store_get(txn, STORE_META, BYTES(MAGIC_KEY), &val);
	if (rc && rc != SL_E_NOT_FOUND)
		return sl_fail(err, rc, "store %s: cannot read", path);
	if (rc || !bytes_is(val, MAGIC))
		return sl_fail(err, SL_E_CORRUPT,
			       "store %s: a database of another program; it was left alone", path);
	rc = store_get(txn, STORE_META, BYTES(FORMAT_KEY), &val);
	long number = rc ? -1 : format_of(val);
	*ret = number;
	if (number >= 1 && number <= STORE_FORMAT)
		return 0;
	if (number > STORE_FORMAT)
		return sl_fail(err, SL_E_CORRUPT,
			       "store %s: format %ld, written by a newer sluiced; this one reads "
			       "format %d; it was left alone",
			       path, number, STORE_FORMAT);
	return sl_fail(err, SL_E_CORRUPT,
		       "store %s: damaged: no readable format number; it was left alone", path);
}
