#include "core/increment/quantity.h"

/* value = odd * 2^twos * 5^fives with `odd` divisible by neither: one form for each value,
 * however it is written. Zero has all three 0. */
struct quantity {
	uint64_t odd;
	int64_t twos, fives;
	bool negative;
};

enum { DIGITS_MAX = 18, EXPONENT_MAX = 100000 };

struct reader {
	const char *at, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void scale_ten(struct quantity *q, int64_t by)
{
	q->twos += by;
	q->fives += by;
}

static bool read_number(struct reader *r, struct quantity *q)
{
	bool fraction = false, any = false;
	int digits = 0;
	if (r->at < r->end && (*r->at == '-' || *r->at == '+'))
		q->negative = *r->at++ == '-';
	for (; r->at < r->end && (is_digit(*r->at) || (*r->at == '.' && !fraction)); r->at++) {
		if (*r->at == '.') {
			fraction = true;
			continue;
		}
		any = true;
		digits += q->odd || *r->at != '0';
		if (digits > DIGITS_MAX)
			return false;
		q->odd = q->odd * 10 + (uint64_t)(*r->at - '0');
		if (fraction)
			scale_ten(q, -1);
	}
	return any;
}

/* "e3", "E-3" */
static bool read_exponent(struct reader *r, struct quantity *q)
{
	bool negative = false;
	int64_t value = 0;
	r->at++;
	if (r->at < r->end && (*r->at == '-' || *r->at == '+'))
		negative = *r->at++ == '-';
	if (r->at == r->end)
		return false;
	for (; r->at < r->end && is_digit(*r->at) && value <= EXPONENT_MAX; r->at++)
		value = value * 10 + (*r->at - '0');
	scale_ten(q, negative ? -value : value);
	return r->at == r->end && value <= EXPONENT_MAX;
}

static bool read_suffix(struct reader *r, struct quantity *q)
{
	static const struct {
		char name[3];
		int8_t tens, twos;
	} suffix[] = {
		{"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
		{"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10},
		{"Mi", 0, 20}, {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
	};
	struct bytes left = bytes_of(r->at, (size_t)(r->end - r->at));
	if (left.len == 0)
		return true;
	for (size_t i = 0; i < countof(suffix); i++) {
		if (bytes_is(left, suffix[i].name)) {
			scale_ten(q, suffix[i].tens);
			q->twos += suffix[i].twos;
			return true;
		}
	}
	return (*r->at | 0x20) == 'e' && read_exponent(r, q);
}

static bool read_quantity(struct bytes text, struct quantity *ret)
{
	struct quantity q = {0};
	struct reader r = {(const char *)text.at, (const char *)text.at + text.len};
	if (text.len == 0 || !read_number(&r, &q) || !read_suffix(&r, &q))
		return false;
	if (q.odd == 0)
		q = (struct quantity){0};
	for (; q.odd && q.odd % 2 == 0; q.odd /= 2)
		q.twos++;
	for (; q.odd && q.odd % 5 == 0; q.odd /= 5)
		q.fives++;
	*ret = q;
	return true;
}

bool quantity_equal(struct bytes a, struct bytes b)
{
	struct quantity x, y;
	if (bytes_eq(a, b))
		return true;
	return read_quantity(a, &x) && read_quantity(b, &y) && x.odd == y.odd && x.twos == y.twos &&
	       x.fives == y.fives && x.negative == y.negative;
}

/** `*n` times `factor`, `times` times over. False: it does not fit. */
static bool multiply(uint64_t *n, uint64_t factor, int64_t times)
{
	for (; times > 0; times--)
		if (__builtin_mul_overflow(*n, factor, n))
			return false;
	return true;
}

bool quantity_count(struct bytes text, unsigned tens, int64_t *ret)
{
	struct quantity q;
	if (!read_quantity(text, &q) || (q.negative && q.odd))
		return false;
	if (q.odd)
		scale_ten(&q, tens);
	uint64_t n = q.odd, part = 1;
	if (!multiply(&n, 5, q.fives) || !multiply(&n, 2, q.twos) || n > INT64_MAX)
		return false;
	if (!multiply(&part, 5, -q.fives) || !multiply(&part, 2, -q.twos))
		n = q.odd != 0; /* less than one, if anything */
	else
		n = n / part + (n % part != 0);
	*ret = (int64_t)n;
	return true;
}
