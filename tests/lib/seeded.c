#include "tests/lib/seeded.h"

#include <sodium.h>

/* splitmix64 */
uint64_t seeded_next(struct seeded *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static struct seeded crypt_state;

static const char *name(void) { return "seeded"; }
static uint32_t any(void) { return (uint32_t)(seeded_next(&crypt_state) >> 16); }

static void fill(void *const to, const size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = (uint8_t)(seeded_next(&crypt_state) >> 24);
}

static struct randombytes_implementation seeded_bytes = {
	.implementation_name = name, .random = any, .buf = fill};

void seeded_crypt_install(void) { randombytes_set_implementation(&seeded_bytes); }
void seeded_crypt_seed(uint64_t seed) { crypt_state.state = seed; }
