#include "selector/expression/lex.h"

/* Not isalpha() and its kin: they ask the locale. */
static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool continues_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

void lexer_init(struct lexer *lexer, struct bytes text)
{
	*lexer = (struct lexer){.text = text, .column = 1};
}

static size_t name_length(struct bytes text)
{
	const char *at = text.at;
	size_t n = 0;
	if (text.len && starts_name(at[0]))
		for (n = 1; n < text.len && continues_name(at[n]);)
			n++;
	return n;
}

bool lexer_is_name(struct bytes text) { return text.len && name_length(text) == text.len; }

/* The bytes of the character that `text` (not empty) begins with. */
static size_t character_length(struct bytes text)
{
	const uint8_t *at = text.at;
	size_t n = 1;
	while (n < text.len && (at[n] & 0xc0) == 0x80)
		n++;
	return n;
}

static enum token_kind single(char c)
{
	switch (c) {
	case '!':
		return TOKEN_NOT;
	case '(':
		return TOKEN_OPEN;
	case ')':
		return TOKEN_CLOSE;
	case '*':
		return TOKEN_ALL;
	default:
		return TOKEN_BAD;
	}
}

static enum token_kind measure(struct bytes rest, size_t *ret_len)
{
	size_t name = name_length(rest);
	if (name) {
		*ret_len = name;
		return TOKEN_NAME;
	}
	if (bytes_starts(rest, "&&") || bytes_starts(rest, "||")) {
		*ret_len = 2;
		return *(const char *)rest.at == '&' ? TOKEN_AND : TOKEN_OR;
	}
	*ret_len = character_length(rest);
	return single(*(const char *)rest.at);
}

struct token lexer_next(struct lexer *lexer)
{
	const char *text = lexer->text.at;
	while (lexer->at < lexer->text.len && is_space(text[lexer->at])) {
		lexer->at++;
		lexer->column++;
	}
	struct token token = {TOKEN_END, bytes_of("", 0), lexer->column};
	if (lexer->at == lexer->text.len)
		return token;
	struct bytes rest = bytes_of(text + lexer->at, lexer->text.len - lexer->at);
	size_t len;
	token.kind = measure(rest, &len);
	token.text = bytes_of(rest.at, len);
	lexer->at += len;
	lexer->column += len; /* all but a bad token, which ends it, are ASCII */
	return token;
}
