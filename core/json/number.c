/* Numbers by exact value, of any length: the text is never turned into a machine number
 * unless that is what was asked for. */
#include "core/json/internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* value = 0.DDD * 10^(exponent + shift), the digits without zeros at either end; the
 * exponent as it is written, since it may have any number of digits. */
struct number {
	const uint8_t *digit, *end; /* First significant digit, one past the last; may span '.'. */
	const uint8_t *exp, *exp_end;
	size_t digits;
	int64_t shift;
	bool negative, exp_negative;
};

/* Past this no text that fits in memory has an equal or a machine value. */
#define FAR ((int64_t)1 << 40)

static bool is_digit(uint8_t c) { return (unsigned)(c - '0') < 10; }

static void read_exponent(struct number *n, const uint8_t *at, const uint8_t *end)
{
	if (at < end)
		at++;
	if (at < end && (*at == '+' || *at == '-'))
		n->exp_negative = *at++ == '-';
	while (at < end && *at == '0')
		at++;
	n->exp = at;
	n->exp_end = end;
}

static struct number number_of(struct bytes text)
{
	struct number n = {0};
	const uint8_t *at = (const uint8_t *)text.at, *end = at + text.len;
	bool fraction = false;
	if (at < end && *at == '-') {
		n.negative = true;
		at++;
	}
	n.digit = n.end = at;
	size_t since = 0; /* Digits from the first significant one on. */
	for (; at < end && (is_digit(*at) || *at == '.'); at++) {
		if (*at == '.') {
			fraction = true;
			continue;
		}
		if (since == 0 && *at == '0') {
			n.shift -= fraction;
			continue;
		}
		if (since++ == 0)
			n.digit = at;
		n.shift += !fraction;
		if (*at != '0') {
			n.end = at + 1;
			n.digits = since;
		}
	}
	if (n.digits == 0)
		n.negative = false;
	read_exponent(&n, at, end);
	return n;
}

static int exp_digit(const struct number *n, size_t width, size_t i)
{
	size_t len = (size_t)(n->exp_end - n->exp);
	int digit = i < width - len ? 0 : n->exp[i - (width - len)] - '0';
	return n->exp_negative ? -digit : digit;
}

/* The difference of two exponents, or FAR where it is that large: once it is, the digits
 * that follow cannot bring it back. */
static int64_t exp_difference(const struct number *a, const struct number *b)
{
	size_t la = (size_t)(a->exp_end - a->exp), lb = (size_t)(b->exp_end - b->exp);
	size_t width = la > lb ? la : lb;
	int64_t difference = 0;
	for (size_t i = 0; i < width; i++) {
		difference = difference * 10 + exp_digit(a, width, i) - exp_digit(b, width, i);
		if (difference > FAR || difference < -FAR)
			return FAR;
	}
	return difference;
}

static bool digits_equal(const struct number *a, const struct number *b)
{
	const uint8_t *x = a->digit, *y = b->digit;
	for (size_t i = 0; i < a->digits; i++, x++, y++) {
		x += *x == '.';
		y += *y == '.';
		if (*x != *y)
			return false;
	}
	return true;
}

bool json_numbers_equal(struct bytes a, struct bytes b)
{
	if (bytes_eq(a, b))
		return true;
	struct number x = number_of(a), y = number_of(b);
	if (x.digits != y.digits || x.negative != y.negative)
		return false;
	if (x.digits == 0)
		return true;
	return digits_equal(&x, &y) && exp_difference(&x, &y) == y.shift - x.shift;
}

void json_number_canonical(struct bytes text, struct buf *to)
{
	struct number n = number_of(text);
	struct number none = {0};
	const uint8_t *digit = n.digit;
	buf_add_str(to, n.negative ? "-" : "");
	for (size_t i = 0; i < n.digits; i++) {
		digit += *digit == '.';
		buf_add_char(to, (char)*digit++);
	}
	int64_t exponent = n.digits ? exp_difference(&n, &none) : 0;
	if (n.digits == 0)
		buf_add_char(to, '0');
	else if (exponent != FAR)
		buf_addf(to, "e%" PRId64, exponent + n.shift);
	else
		buf_addf(to, "e%" PRId64 "%c%.*s", n.shift, n.exp_negative ? '-' : '+',
			 (int)(n.exp_end - n.exp), (const char *)n.exp);
}

/* Where the decimal point stands, counted from the first digit; FAR is the farthest. */
static int64_t point(const struct number *n)
{
	struct number none = {0};
	int64_t exponent = exp_difference(n, &none);
	if (exponent == FAR)
		return n->exp_negative ? -FAR : FAR;
	return exponent + n->shift;
}

int json_int64(const struct json *j, json_at at, int64_t *ret)
{
	if (at == JSON_NONE || json_type(j, at) != JSON_NUMBER)
		return SL_E_INVALID;
	struct number n = number_of(json_raw(j, at));
	int64_t places = n.digits ? point(&n) : 0;
	if (places < (int64_t)n.digits || places > 19)
		return SL_E_INVALID;
	uint64_t value = 0, most = (uint64_t)INT64_MAX + n.negative;
	const uint8_t *digit = n.digit;
	for (int64_t i = 0; i < places; i++) {
		uint64_t next = 0;
		if (i < (int64_t)n.digits) {
			digit += *digit == '.';
			next = (uint64_t)(*digit++ - '0');
		}
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, next, &value) || value > most)
			return SL_E_INVALID;
	}
	*ret = n.negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

/* strtod() decides by at most 767 digits and whether anything but zeros follows. */
enum { DIGITS_MAX = 780, EXPONENT_MAX = 99999 };

double json_double(const struct json *j, json_at at)
{
	if (at == JSON_NONE || json_type(j, at) != JSON_NUMBER)
		return 0;
	struct number n = number_of(json_raw(j, at));
	int64_t places = n.digits ? point(&n) : 0;
	char text[DIGITS_MAX + 32], *to = text;
	size_t used = n.digits < DIGITS_MAX ? n.digits : DIGITS_MAX;
	const uint8_t *digit = n.digit;
	if (n.negative || (!n.digits && *(const char *)json_raw(j, at).at == '-'))
		*to++ = '-';
	for (size_t i = 0; i < used; i++) {
		digit += *digit == '.';
		*to++ = (char)*digit++;
	}
	*to++ = used < n.digits ? '1' : '0';
	/* A whole number of used + 1 digits: no decimal point, so no locale. */
	places -= (int64_t)used + 1;
	places = places > EXPONENT_MAX    ? EXPONENT_MAX
		 : places < -EXPONENT_MAX ? -EXPONENT_MAX
					  : places;
	*to++ = 'e';
	*to++ = places < 0 ? '-' : '+';
	uint64_t size = (uint64_t)(places < 0 ? -places : places);
	for (uint64_t unit = 10000; unit; unit /= 10)
		*to++ = (char)('0' + size / unit % 10);
	*to = '\0';
	return strtod(text, NULL);
}
