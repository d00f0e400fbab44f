/* Gives each file of the folders named on the command line to the target, and each of a
 * seeded number of small mutations of it: what a fuzzer found stays found without one. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

enum { FILE_MAX = 1 << 20, MUTATIONS = 64 };

static uint32_t next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* From an own block of exactly this size, so that a read past its end is seen. */
static void run(const uint8_t *at, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, at, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static void mutate(uint8_t *at, size_t *len, uint32_t *seed)
{
	static const char tokens[] = "{}[]\",:\\0-.eEtfn \n\x80\xff";
	size_t where = next(seed) % *len;
	switch (next(seed) % 4) {
	case 0:
		at[where] = (uint8_t)next(seed);
		break;
	case 1:
		at[where] = (uint8_t)tokens[next(seed) % (sizeof(tokens) - 1)];
		break;
	case 2:
		memmove(at + where, at + where + 1, *len - where - 1);
		--*len;
		break;
	default:
		*len = where;
	}
}

static void replay(const uint8_t *at, size_t len)
{
	uint32_t seed = (uint32_t)len + 1;
	run(at, len);
	uint8_t *changed = malloc(len ? len : 1);
	if (!changed)
		abort();
	for (int i = 0; i < MUTATIONS && len; i++) {
		size_t left = len;
		memcpy(changed, at, len);
		for (uint32_t n = next(&seed) % 3; left; n--) {
			mutate(changed, &left, &seed);
			if (n == 0)
				break;
		}
		run(changed, left);
	}
	free(changed);
}

static int replay_file(const char *folder, const char *name, uint8_t *at)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	if (!file)
		return -1;
	size_t len = fread(at, 1, FILE_MAX, file);
	fclose(file);
	replay(at, len);
	return 0;
}

static int replay_folder(const char *folder, uint8_t *at)
{
	int files = 0;
	DIR *dir = opendir(folder);
	if (!dir)
		return 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			files += replay_file(folder, entry->d_name, at) == 0;
	closedir(dir);
	return files;
}

int main(int argc, char **argv)
{
	int files = 0;
	uint8_t *at = malloc(FILE_MAX);
	if (!at)
		return 1;
	for (int i = 1; i < argc; i++)
		files += replay_folder(argv[i], at);
	free(at);
	printf("%d files\n", files);
	return files ? 0 : 1;
}
