#include "selector/index/indexing.h"

#include <stdlib.h>

enum { TEXTS_MAX = 1 << 30 };

int indexing_create(struct indexing **ret)
{
	struct indexing *x = calloc(1, sizeof(*x));
	if (!x)
		return SL_E_NO_MEMORY;
	buf_init(&x->names, TEXTS_MAX);
	buf_init(&x->texts, TEXTS_MAX);
	buf_init(&x->lowers, TEXTS_MAX);
	*ret = x;
	return 0;
}

struct indexing *indexing_free(struct indexing *x)
{
	if (!x)
		return NULL;
	free(x->key);
	free(x->memo);
	free(x->seen);
	free(x->literal);
	free(x->hit);
	free(x->fact);
	buf_fini(&x->names);
	buf_fini(&x->texts);
	buf_fini(&x->lowers);
	free(x);
	return NULL;
}

int indexing_room(void *at, size_t *n, size_t wanted, size_t size)
{
	void *old, *made;
	if (wanted <= *n)
		return 0;
	wanted += wanted / 4 + 64;
	made = calloc(wanted, size);
	if (!made)
		return SL_E_NO_MEMORY;
	memcpy(&old, at, sizeof(old)); /* `at` is the address of a pointer of any type */
	free(old);
	memcpy(at, &made, sizeof(made));
	*n = wanted;
	return 0;
}
