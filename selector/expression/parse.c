#include "selector/expression/lex.h"
#include "selector/expression/program.h"

#include <stdlib.h>

/* or = and { "||" and }; and = unary { "&&" unary };
 * unary = "!" unary | "(" or ")" | name; or "*" alone. */

enum { SHOWN_MAX = 40 };

struct parser {
	struct lexer lexer;
	struct token token; /* the one to be looked at */
	struct program *program;
	program_resolve resolve;
	void *user;
	unsigned depth;
	struct sl_error *err;
};

static int parse_or(struct parser *p, uint16_t *ret);
static int parse_unary(struct parser *p, uint16_t *ret);

static void advance(struct parser *p) { p->token = lexer_next(&p->lexer); }

static int expected(struct parser *p, const char *what)
{
	if (p->token.kind == TOKEN_END)
		return sl_fail(p->err, SL_E_INVALID, "column %zu: expected %s, found the end",
			       p->token.column, what);
	struct bytes shown = p->token.text;
	if (shown.len > SHOWN_MAX)
		shown.len = SHOWN_MAX;
	return sl_fail(p->err, SL_E_INVALID, "column %zu: expected %s, found \"%.*s\"",
		       p->token.column, what, BYTES_FMT(shown));
}

static int add_node(struct parser *p, struct program_node node, uint16_t *ret)
{
	struct program *program = p->program;
	if (program->n == program->cap) {
		uint16_t cap = program->cap ? (uint16_t)(program->cap * 2) : 8;
		struct program_node *at = reallocarray(program->node, cap, sizeof(*at));
		if (!at)
			return sl_fail(p->err, SL_E_NO_MEMORY, "out of memory");
		program->node = at;
		program->cap = cap;
	}
	node.next = PROGRAM_NONE;
	program->node[program->n] = node;
	*ret = program->n++;
	return 0;
}

static int parse_name(struct parser *p, uint16_t *ret)
{
	struct bytes name = p->token.text;
	int condition = p->resolve(p->user, name, p->err);
	if (condition == SL_E_NOT_FOUND) {
		struct bytes shown = name;
		if (shown.len > SELECTOR_NAME_MAX)
			shown.len = SELECTOR_NAME_MAX;
		return sl_fail(p->err, SL_E_INVALID, "column %zu: no condition is named \"%.*s\"",
			       p->token.column, BYTES_FMT(shown));
	}
	if (condition < 0)
		return condition;
	advance(p);
	return add_node(p,
			(struct program_node){.kind = PROGRAM_CONDITION,
					      .condition = (uint8_t)condition,
					      .first = PROGRAM_NONE},
			ret);
}

/* "!" and "(" each go one level down. */
static int descend(struct parser *p)
{
	if (++p->depth > SELECTOR_DEPTH_MAX)
		return sl_fail(p->err, SL_E_INVALID,
			       "column %zu: more than %d levels of \"(\" and \"!\"",
			       p->token.column, SELECTOR_DEPTH_MAX);
	advance(p);
	return 0;
}

static int parse_not(struct parser *p, uint16_t *ret)
{
	uint16_t child;
	int rc = descend(p);
	if (!rc)
		rc = parse_unary(p, &child);
	p->depth--;
	if (rc)
		return rc;
	return add_node(p, (struct program_node){.kind = PROGRAM_NOT, .first = child}, ret);
}

static int parse_group(struct parser *p, uint16_t *ret)
{
	int rc = descend(p);
	if (!rc)
		rc = parse_or(p, ret);
	p->depth--;
	if (rc)
		return rc;
	if (p->token.kind != TOKEN_CLOSE)
		return expected(p, "\"&&\", \"||\" or \")\"");
	advance(p);
	return 0;
}

static int parse_unary(struct parser *p, uint16_t *ret)
{
	switch (p->token.kind) {
	case TOKEN_NOT:
		return parse_not(p, ret);
	case TOKEN_OPEN:
		return parse_group(p, ret);
	case TOKEN_NAME:
		return parse_name(p, ret);
	case TOKEN_ALL:
		return sl_fail(p->err, SL_E_INVALID,
			       "column %zu: \"*\" must be the whole expression", p->token.column);
	default:
		return expected(p, "a condition's name, \"!\" or \"(\"");
	}
}

/* `part` { `link` `part` }, as one node if there is more than one part. */
static int parse_chain(struct parser *p, enum token_kind link, enum program_kind kind,
		       int (*part)(struct parser *p, uint16_t *ret), uint16_t *ret)
{
	uint16_t first, last, next;
	int rc = part(p, &first);
	if (rc || p->token.kind != link) {
		*ret = rc ? PROGRAM_NONE : first;
		return rc;
	}
	last = first;
	while (p->token.kind == link) {
		advance(p);
		rc = part(p, &next);
		if (rc)
			return rc;
		p->program->node[last].next = next;
		last = next;
	}
	return add_node(p, (struct program_node){.kind = (uint8_t)kind, .first = first}, ret);
}

static int parse_and(struct parser *p, uint16_t *ret)
{
	return parse_chain(p, TOKEN_AND, PROGRAM_AND, parse_unary, ret);
}

static int parse_or(struct parser *p, uint16_t *ret)
{
	return parse_chain(p, TOKEN_OR, PROGRAM_OR, parse_and, ret);
}

static int parse_all(struct parser *p, uint16_t *ret)
{
	advance(p);
	return add_node(p, (struct program_node){.kind = PROGRAM_ALL, .first = PROGRAM_NONE}, ret);
}

int program_parse(struct program *program, struct bytes expression, program_resolve resolve,
		  void *user, struct sl_error *err)
{
	if (expression.len > SELECTOR_EXPRESSION_MAX)
		return sl_fail(err, SL_E_INVALID, "the expression is longer than %d bytes",
			       SELECTOR_EXPRESSION_MAX);
	struct parser p = {.program = program, .resolve = resolve, .user = user, .err = err};
	lexer_init(&p.lexer, expression);
	advance(&p);
	bool all = p.token.kind == TOKEN_ALL;
	int rc = all ? parse_all(&p, &program->root) : parse_or(&p, &program->root);
	if (!rc && p.token.kind != TOKEN_END)
		rc = expected(&p,
			      all ? "the end (\"*\" stands alone)" : "\"&&\", \"||\" or the end");
	if (rc)
		program_fini(program);
	return rc;
}

void program_fini(struct program *program)
{
	free(program->node);
	*program = (struct program){0};
}
