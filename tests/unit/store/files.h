/* The files of a store, looked at and changed from outside. What fails, fails the test. */
#pragma once

#include "tests/unit/store/support.h"

enum { FILE_MAX_SIZE = 8 << 20, SIZE_MAX_HERE = 16 << 20 };

/** Where the store in `path` has its data. Returns `to`. */
const char *data_file(const char *path, char to[128]);
/** Into FILE_MAX_SIZE bytes; how many there are. */
size_t read_all(const char *file, char *to);
void write_all(const char *file, const void *at, size_t len);
/** How many entries a folder has, with "." and "..". */
unsigned names_in(const char *path);

/** A store with some data in every table, closed; `path`: where it is, to be removed. */
void make_store(char path[64]);
