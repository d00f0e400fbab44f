#include "tests/lib/faulty_heap.h"

#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__real_reallocarray(void *at, size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
void *__wrap_reallocarray(void *at, size_t n, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t n) { return heap_fails() ? NULL : __real_malloc(n); }

void *__wrap_calloc(size_t n, size_t size) { return heap_fails() ? NULL : __real_calloc(n, size); }

void *__wrap_realloc(void *at, size_t n) { return heap_fails() ? NULL : __real_realloc(at, n); }

void *__wrap_reallocarray(void *at, size_t n, size_t size)
{
	return heap_fails() ? NULL : __real_reallocarray(at, n, size);
}

char *__wrap_strdup(const char *text) { return heap_fails() ? NULL : __real_strdup(text); }
