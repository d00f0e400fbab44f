#include "cli/sluicectl/output.h"
#include "cli/sluicectl/token.h"

static const struct column columns[] = {
	{"ID", "id", CELL_TEXT, false},
	{"FOR", "forwho", CELL_TEXT, false},
	{"USER", "userID", CELL_TEXT, false},
	{"AUTHOR", "author", CELL_TEXT, true},
	{"HEADER", "header", CELL_TEXT, true},
	{"CREATED", "createdAt", CELL_TIME, true},
	{"LAST-USED", "lastUsedAt", CELL_TIME, false},
	{"EXPIRES", "expiresAt", CELL_TIME, false},
	{"NOTE", "note", CELL_TEXT, true},
	{"PRIVILEGES", "privileges", CELL_WORDS, false},
};

static int run(struct ctl *ctl)
{
	scoped(api_answer_fini) struct api_answer answer = {0};
	struct api_call call = {.method = "GET", .path = "/v1/tokens"};
	int code = api_ask(ctl, &call, &answer);
	if (code)
		return code;
	struct listing list;
	listing_begin(&list, ctl, columns, countof(columns));
	listing_add(&list, &answer.json, answer.payload);
	return listing_end(&list);
}

const struct command command_token_list = {
	.group = "token",
	.name = "list",
	.summary = "List tokens: whose they are and what they allow",
	.about = "The tokens themselves are never shown.\n\n"
		 "Example:\n"
		 "  sluicectl token list -o wide",
	.run = run,
};
