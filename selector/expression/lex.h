/* The words of an expression: names, `&&`, `||`, `!`, parentheses, `*`.
 *
 * A token is borrowed from the expression's text. Any thread. */
#pragma once

#include "core/base/base.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_NOT,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_ALL,
	TOKEN_BAD, /**< A character, or half an operator, that is none of these. */
};

struct token {
	enum token_kind kind;
	struct bytes text; /**< Empty at the end. */
	size_t column;     /**< In characters, from 1. */
};

struct lexer {
	struct bytes text;
	size_t at, column; /**< Of the next character, `column` from 1. */
};

SL_BEGIN_DECLS

void lexer_init(struct lexer *lexer, struct bytes text);
struct token lexer_next(struct lexer *lexer);

/** May `text` be a condition's name (letters, digits, `_`, no digit first)? Says nothing
 * about its length. */
bool lexer_is_name(struct bytes text);

SL_END_DECLS
